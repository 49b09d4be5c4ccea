//! The configuration: every mistake as it is told, and the manual and the example file in step with
//! the rows that the reader works by.
//!
//! With `KETCH_BLESS=1` the expected texts are written anew; look at the difference before committing.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod manual;

use std::path::PathBuf;
use std::time::Duration;

use ketch::internals::base::ByteSize;
use ketch::internals::config::{
    Checked, Config, Context, Diagnostic, HealthRules, Kind, Limits, ReadPolicy, Route, Source, SourceConfig,
    Timeouts, check, quick, render, sections, to_toml,
};
use ketch::internals::placement::{DISTRIBUTIONS, HASHES};

const SIMPLE: &str = "[pool.main]\nlisten = \"127.0.0.1:6380\"\nsentinels = [\"127.0.0.1:26379\"]\n\
                      shards = [\"shard1\", \"shard2\"]\n";

/// The check of a text in a small world: some variables, some files.
fn checked(text: &str, env: &[(&str, &str)]) -> Result<Checked, Vec<Diagnostic>> {
    let mut env: Vec<(String, String)> = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    env.sort();
    let context = Context {
        hashes: &["fnv1a_64", "md5", "crc32"],
        distributions: &["ketama", "modula"],
        host_name: "here",
        env: &env,
        read_file: &|path| match path {
            "/secret" => Ok("from-file\n".to_owned()),
            "/empty" => Ok("\n".to_owned()),
            other => Err(format!("{other}: No such file or directory")),
        },
    };
    check(&Source { name: "ketch.toml", text }, &context)
}

fn accepted(text: &str, env: &[(&str, &str)]) -> Config {
    match checked(text, env) {
        Ok(checked) => checked.config,
        Err(found) => panic!("{}", render(&found, &Source { name: "ketch.toml", text }, false)),
    }
}

fn told(text: &str, env: &[(&str, &str)]) -> String {
    let found = match checked(text, env) {
        Ok(checked) => checked.warnings,
        Err(found) => found,
    };
    render(&found, &Source { name: "ketch.toml", text }, false)
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file of the repository with what it should be; blessing writes it.
fn in_step(path: &str, expected: &str) {
    let file = repository(path);
    if std::env::var_os("KETCH_BLESS").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    if found == expected {
        return;
    }
    let line = found.lines().zip(expected.lines()).position(|(a, b)| a != b).unwrap_or(0);
    panic!(
        "{path} differs at line {}:\n  there: {:?}\n  due:   {:?}\nKETCH_BLESS=1 writes it anew",
        line + 1,
        found.lines().nth(line),
        expected.lines().nth(line),
    );
}

#[test]
fn four_lines_are_enough() {
    let config = accepted(SIMPLE, &[]);
    assert_eq!(config.name, "here");
    assert_eq!(config.threads, None);
    assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:8404");
    let pool = &config.pools[0];
    assert_eq!((pool.name.as_str(), pool.listeners.len(), pool.shards.len()), ("main", 1, 2));
    assert_eq!(pool.listeners[0].route, Route::Auto);
    assert_eq!((pool.shards[1].name.as_str(), pool.shards[1].master.as_str()), ("shard2", "shard2"));
    assert_eq!((pool.hash.as_str(), pool.distribution.as_str()), ("fnv1a_64", "ketama"));
    assert_eq!((pool.reads, pool.hold, pool.hash_tag), (ReadPolicy::Primary, None, None));
    assert_eq!((pool.hold_max, pool.hold_max_bytes, pool.read_retries), (100_000, ByteSize::mib(64), 2));
    assert_eq!(
        (pool.sentinel_refresh, pool.forget_after),
        (Duration::from_secs(10), Duration::from_secs(60))
    );
    assert!(pool.cross_shard_writes && !pool.insecure);
}

#[test]
fn the_rows_defaults_are_the_types_defaults() {
    let config = accepted(SIMPLE, &[]);
    let pool = &config.pools[0];
    assert_eq!(pool.timeouts, Timeouts::default());
    assert_eq!(pool.limits, Limits::default());
    assert_eq!(pool.health, HealthRules::default());
    assert_eq!(config.shutdown.timeout, Duration::from_secs(25));
}

#[test]
fn placement_knows_the_default_hash_and_distribution() {
    for row in sections().iter().flat_map(|section| section.rows) {
        let default = row.default.trim_matches('"');
        match row.kind {
            Kind::Hash => assert!(HASHES.contains(&default), "{default}"),
            Kind::Distribution => assert!(DISTRIBUTIONS.contains(&default), "{default}"),
            _ => {}
        }
    }
}

#[test]
fn a_pool_without_sentinels_lists_its_nodes() {
    let config = accepted(
        "[admin]\nlisten = \"\"\n\
         [pool.a]\nhash_tag = \"{}\"\nreads = \"any\"\naddress_map = { \"10.0.0.1:1\" = \"h:2\", \"::1\" = \"x\" }\n\
         [[pool.a.listen]]\naddress = \"[::1]:1\"\nroute = \"replica\"\n\
         [[pool.a.listen]]\naddress = \"[::1]:2\"\nreads = \"replica\"\n\
         [[pool.a.listen]]\naddress = \"[::1]:3\"\nroute = \"primary\"\n\
         [[pool.a.shard]]\nname = \"s\"\nweight = 3\nnodes = [\"a:1\", \"b:1\"]\n\
         [pool.b]\nlisten = \"localhost:4\"\nsentinels = [\"h:1\"]\n\
         [[pool.b.shard]]\nname = \"s\"\nmaster = \"m\"\n",
        &[],
    );
    assert_eq!(config.admin, None);
    let pool = &config.pools[0];
    assert_eq!(
        (&pool.source, pool.shards[0].weight, pool.hash_tag),
        (&SourceConfig::Static, 3, Some(*b"{}"))
    );
    assert_eq!(pool.shards[0].nodes.len(), 2);
    let listeners: Vec<_> = pool.listeners.iter().map(|l| (l.route, l.reads)).collect();
    assert_eq!(
        listeners,
        [
            (Route::Replica, None),
            (Route::Auto, Some(ReadPolicy::Replica)),
            (Route::Primary, Some(ReadPolicy::Primary))
        ]
    );
    assert_eq!(config.pools[1].shards[0].master, "m");
}

#[test]
fn a_replica_listener_reads_from_replicas_though_its_pool_does_not() {
    let text = "[pool.a]\nsentinels = [\"h:1\"]\nshards = [\"s\"]\n\
                [[pool.a.listen]]\naddress = \"127.0.0.1:1\"\nroute = \"replica\"\n";
    assert_eq!(accepted(text, &[]).pools[0].listeners[0].reads, Some(ReadPolicy::Replica));
}

#[test]
fn passwords_come_from_files_and_variables() {
    let text = format!(
        "{SIMPLE}[pool.main.auth]\nusername = \"k\"\npassword = \"${{PW}}\"\nsentinel_password_file = \"/secret\"\n\
         [[pool.main.user]]\nname = \"app\"\npassword = \"by-value\"\n"
    );
    let checked = checked(&text, &[("PW", "from-env")]).unwrap();
    let pool = &checked.config.pools[0];
    assert_eq!(pool.auth.password.as_ref().unwrap().expose(), "from-env");
    assert_eq!(pool.auth.sentinel_password.as_ref().unwrap().expose(), "from-file");
    assert_eq!(pool.users[0].password.expose(), "by-value");
    let by_value: Vec<&str> = checked.secrets_by_value.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(by_value, ["\"by-value\""]);
    let files = checked.secret_files.iter().map(|(path, span)| (path.as_str(), &text[span.clone().unwrap()]));
    assert_eq!(files.collect::<Vec<_>>(), [("/secret", "\"/secret\"")]);
}

#[test]
fn a_log_level_is_one_that_there_is() {
    let with = |level: &str| format!("[log]\nlevel = \"{level}\"\n{SIMPLE}");
    for level in ["off", "trace", "info,control=debug", "warn, engine = trace"] {
        assert_eq!(accepted(&with(level), &[]).log.level, level);
    }
    for level in ["loud", "Info", "info,", "control=loud", "info,cont rol=debug"] {
        assert!(told(&with(level), &[]).contains("error[C007]: 'level' cannot be"), "{level}");
    }
}

#[test]
fn the_environment_overrides_single_values() {
    let text = format!("{SIMPLE}[[pool.main.user]]\nname = \"app\"\npassword_file = \"/secret\"\n");
    let config = accepted(
        &text,
        &[
            ("KETCH__POOL__MAIN__HOLD", "5s"),
            ("KETCH__POOL__MAIN__DB", "3"),
            ("KETCH__POOL__MAIN__CROSS_SHARD_WRITES", "false"),
            ("KETCH__POOL__MAIN__SENTINELS", "a:1, b:2"),
            ("KETCH__POOL__MAIN__USER__0__NAME", "other"),
            ("KETCH__POOL__MAIN__LIMITS__MAX_REQUEST", "1MiB"),
            ("KETCH__ADMIN__LISTEN", ""),
            ("KETCH_CONFIG", "is no override"),
        ],
    );
    let pool = &config.pools[0];
    assert_eq!((pool.hold, pool.db, pool.cross_shard_writes), (Some(Duration::from_secs(5)), 3, false));
    assert_eq!((pool.users[0].name.as_str(), pool.limits.max_request), ("other", ByteSize::mib(1)));
    assert_eq!(
        (&pool.source, config.admin),
        (&SourceConfig::Sentinel(vec!["a:1".parse().unwrap(), "b:2".parse().unwrap()]), None)
    );
}

#[test]
fn variables_may_stand_for_numbers_and_have_defaults() {
    let text = format!("{SIMPLE}db = \"${{DB:-2}}\"\nhold = \"${{HOLD:-1}}s\"\n");
    assert_eq!(accepted(&text, &[]).pools[0].db, 2);
    let pool = &accepted(&text, &[("DB", "7"), ("HOLD", "9")]).pools[0];
    assert_eq!((pool.db, pool.hold), (7, Some(Duration::from_secs(9))));
}

#[test]
fn what_is_written_back_means_the_same_and_shows_no_secret() {
    let text = format!(
        "threads = 3\n{SIMPLE}hold = \"5s\"\naddress_map = {{ \"a\" = \"b\" }}\n\
         [[pool.main.user]]\nname = \"app\"\npassword = \"hunter2\"\n\
         [pool.main.auth]\npassword = \"hunter2\"\n"
    );
    let config = accepted(&text, &[]);
    let written = to_toml(&config);
    assert!(!written.contains("hunter2"), "{written}");
    let again = accepted(&written, &[]);
    assert_eq!(to_toml(&again), written);
    assert_eq!(again.pools[0].shards, config.pools[0].shards);
}

#[test]
fn the_quick_way_is_a_file_of_four_lines() {
    let text = quick(&["127.0.0.1:26379".into()], &["shard1".into(), "shard2".into()], "127.0.0.1:6380");
    assert_eq!(text, SIMPLE);
    accepted(&text, &[]);
}

#[test]
fn an_unknown_key_is_underlined_and_the_right_one_is_named() {
    assert_eq!(
        told(
            "[pool.main]\nlisten = \"127.0.0.1:6380\"\nsentinel = [\"h:1\"]\nsentinels = [\"h:1\"]\nshards = [\"s\"]\n",
            &[]
        ),
        "\
error[C001]: unknown key 'sentinel' in [pool.main]
 --> ketch.toml:3:1
  |
3 | sentinel = [\"h:1\"]
  | ^^^^^^^^
  |
  = help: did you mean 'sentinels'?
"
    );
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    let path = "tests/pure/config/mistakes.txt";
    let cases = std::fs::read_to_string(repository(path)).unwrap();
    let mut now = String::new();
    let (intro, cases) = cases.split_once("\n### ").unwrap();
    now.push_str(intro);
    now.push('\n');
    for case in cases.split("\n### ") {
        let (name, rest) = case.split_once('\n').unwrap();
        let text = rest.split("\n>>>").next().unwrap();
        let (env, text): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("$ "));
        let text = text.join("\n") + "\n";
        let pairs: Vec<(&str, &str)> =
            env.iter().filter_map(|line| line.trim_start_matches("$ ").split_once('=')).collect();
        now.push_str(&format!("### {name}\n"));
        env.iter().for_each(|line| now.push_str(&format!("{line}\n")));
        now.push_str(&format!("{text}>>>\n{}\n", told(&text, &pairs)));
    }
    in_step(path, &format!("{}\n", now.trim_end()));
}

#[test]
fn every_kind_of_mistake_in_a_file_has_a_case() {
    use ketch::internals::config::Code;
    let cases = std::fs::read_to_string(repository("tests/pure/config/mistakes.txt")).unwrap();
    // Told by the command line, which knows of files and their modes.
    let elsewhere = [Code::NoFile, Code::ReadableSecret];
    for code in Code::ALL.iter().filter(|code| !code.label().starts_with('S') && !elsewhere.contains(code)) {
        assert!(cases.contains(&format!("[{}]", code.label())), "no case for {}", code.label());
    }
}

#[test]
fn no_secret_is_shown_whatever_is_wrong_with_its_line() {
    for line in [
        "password = \"hunter2\" x",
        "pasword = \"hunter2\"",
        "password = [\"hunter2\"]",
        "password = hunter2",
        "password = \"hunter2",
        "db = \"hunter2\"",
    ] {
        let text = format!("{SIMPLE}[pool.main.auth]\n{line}\n");
        let told = told(&text, &[]);
        assert!(!told.is_empty());
        assert!(!told.contains("hunter2") || line.starts_with("db"), "{told}");
    }
}

#[test]
fn any_cut_of_a_file_is_judged_without_a_panic() {
    let text = manual::conf();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(7) {
        let _ = told(&text[..end], &[]);
    }
}

#[test]
fn the_example_file_shows_every_row_with_its_default() {
    in_step("conf/ketch.toml", &manual::conf());
    let text = std::fs::read_to_string(repository("conf/ketch.toml")).unwrap();
    for section in sections() {
        for row in section.rows.iter().filter(|row| row.is_value()) {
            assert!(text.contains(&format!("{} = ", row.key)), "{} {}", section.header, row.key);
        }
    }
}

#[test]
fn the_example_file_is_loaded_and_changes_no_default() {
    let text = std::fs::read_to_string(repository("conf/ketch.toml")).unwrap();
    let config = accepted(&text, &[]);
    let simple = accepted(SIMPLE, &[]);
    let (given, default) = (&config.pools[0], &simple.pools[0]);
    assert_eq!(
        (given.timeouts, given.limits, given.health),
        (default.timeouts, default.limits, default.health)
    );
    assert_eq!((&given.shards, &given.listeners), (&default.shards, &default.listeners));
    // Each commented key, one at a time in its table, is accepted with the value that stands there.
    for (header, line) in manual::commented_defaults(&text) {
        let text = format!("{SIMPLE}{header}\n{line}\n").replace("[pool.main]\n\n", "");
        if header.is_empty() {
            accepted(&format!("{line}\n{SIMPLE}"), &[]);
        } else if header == "[pool.main]" {
            accepted(&format!("{SIMPLE}{line}\n"), &[]);
        } else {
            accepted(&text, &[]);
        }
    }
}

#[test]
fn the_manual_is_in_step_with_the_rows() {
    let path = "docs/configuration.md";
    let text = std::fs::read_to_string(repository(path)).unwrap();
    let text = manual::between(&text, "keys", &manual::keys());
    let text = manual::between(&text, "codes", &manual::codes());
    in_step(path, &text);
}
