//! The command line: what each verb prints where, and with which exit code. No server is asked.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const KETCH: &str = env!("CARGO_BIN_EXE_ketch");
const GOOD: &str =
    "[pool.main]\nlisten = \"127.0.0.1:6380\"\nsentinels = [\"127.0.0.1:26379\"]\nshards = [\"a\", \"b\"]\n";

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("ketch-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn file(&self, text: &str) -> String {
        let file = self.0.join("ketch.toml");
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ketch(args: &[&str]) -> Output {
    Command::new(KETCH).args(args).env_remove("KETCH_CONFIG").output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_arguments_it_helps() {
    let said = ketch(&[]);
    assert_eq!(code(&said), 0);
    for verb in ["run", "check", "where", "demo", "completions"] {
        assert!(out(&said).contains(&format!("\n  {verb} ")), "{verb}");
    }
    assert!(!out(&said).contains("guard"));
}

#[test]
fn the_version_is_one_line() {
    for flag in ["-V", "--version"] {
        let said = ketch(&[flag]);
        assert_eq!(out(&said).lines().count(), 1);
        assert!(out(&said).starts_with(&format!("ketch {} (", env!("CARGO_PKG_VERSION"))));
        assert!(out(&said).contains("rustc 1."), "{}", out(&said));
    }
}

#[test]
fn a_good_file_is_fine_in_each_way_of_asking() {
    let folder = Folder::new("good");
    let file = folder.file(GOOD);
    for args in [
        &["check", "-c", &file][..],
        &["-t", "-c", &file],
        &["-c", &file, "check"],
        &["-c", &file, "-t"],
        &["-t", "run", "-c", &file],
    ] {
        let said = ketch(args);
        assert_eq!(code(&said), 0, "{}", err(&said));
        assert!(out(&said).ends_with("is fine: pool main has 2 shards and 1 listener\n"), "{}", out(&said));
        assert_eq!(err(&said), "");
    }
    let said = Command::new(KETCH).arg("check").env("KETCH_CONFIG", &file).output().unwrap();
    assert_eq!(code(&said), 0);
    let said =
        Command::new(KETCH).arg("check").env_remove("KETCH_CONFIG").current_dir(&folder.0).output().unwrap();
    assert_eq!(out(&said), "ketch.toml is fine: pool main has 2 shards and 1 listener\n");
}

#[test]
fn a_bad_file_is_refused_with_its_place_and_78() {
    let folder = Folder::new("bad");
    let file = folder.file(&GOOD.replace("sentinels", "sentinel"));
    for args in [
        &["check", "-c", &file][..],
        &["-t", "-c", &file],
        &["run", "-c", &file],
        &["where", "-c", &file, "k"],
    ] {
        let said = ketch(args);
        assert_eq!((code(&said), out(&said).as_str()), (78, ""));
        assert!(err(&said).contains(&format!("{file}:3:1\n")), "{}", err(&said));
        assert!(err(&said).contains("did you mean 'sentinels'?") && err(&said).contains("2 mistakes in "));
    }
    assert_eq!(code(&ketch(&["check", "-c", "/nowhere/ketch.toml"])), 78);
}

#[test]
fn a_wrong_command_line_is_2() {
    for args in [
        &["chekc"][..],
        &["where"],
        &["run", "--sentinel", "a:1"],
        &["run", "-c", "x", "--sentinel", "a:1", "--master", "m"],
    ] {
        assert_eq!(code(&ketch(args)), 2, "{args:?}");
    }
}

#[test]
fn a_demo_that_cannot_be_given_what_it_is_asked_for_starts_nothing_and_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let demo = ketch(&["demo", "--headless", "--listen", &address]);
    assert_eq!((code(&demo), out(&demo)), (75, String::new()));
    assert!(
        err(&demo).contains(&address) && err(&demo).contains("choose another --listen"),
        "{}",
        err(&demo)
    );

    let demo = ketch(&["demo", "--failover-after", "xx"]);
    assert_eq!(code(&demo), 2);
    assert!(err(&demo).contains("write a number and a unit: \"10s\""), "{}", err(&demo));
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let folder = Folder::new("colour");
    let file = folder.file("x = 1\n");
    assert!(!err(&ketch(&["check", "-c", &file])).contains('\x1b'));
    assert!(err(&ketch(&["check", "-c", &file, "--color", "always"])).contains('\x1b'));
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let file = folder.file(&format!("{GOOD}[pool.main.auth]\npassword = \"hunter2\"\n"));
    let others = [Folder::new("mode-secret"), Folder::new("mode-naming")];
    let secret = others[0].file("hunter2\n");
    let naming = others[1].file(&format!("{GOOD}[pool.main.auth]\npassword_file = \"{secret}\"\n"));
    for (mode, warned) in [(0o644, true), (0o640, true), (0o600, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let said = ketch(&["check", "-c", &naming]);
        assert_eq!((code(&said), err(&said).contains("W002")), (0, warned), "{mode:o}");
        let said = ketch(&["check", "-c", &file]);
        assert_eq!((code(&said), err(&said).contains("W002")), (0, warned), "{mode:o}");
        assert!(!err(&said).contains("hunter2"));
    }
    assert!(!out(&ketch(&["check", "--print", "-c", &file])).contains("hunter2"));
}

#[test]
fn the_environment_overrides_the_file() {
    let folder = Folder::new("env");
    let file = folder.file(GOOD);
    let check = |value: &str| {
        let mut command = Command::new(KETCH);
        command
            .args(["check", "--print", "-c", &file])
            .env("KETCH__POOL__MAIN__HOLD", value)
            .output()
            .unwrap()
    };
    assert!(out(&check("7s")).contains("hold = \"7s\"\n"));
    let said = check("7");
    assert_eq!(code(&said), 78);
    assert!(err(&said).contains("KETCH__POOL__MAIN__HOLD") && err(&said).contains("write \"7ms\" or \"7s\""));
}

#[test]
fn the_quick_way_passes_the_same_check() {
    let said = ketch(&["run", "--sentinel", "127.0.0.1:1", "--master", "m", "--listen", "0.0.0.0:6380"]);
    assert_eq!(code(&said), 78);
    assert!(err(&said).contains("error[X010]"), "{}", err(&said));
    assert!(out(&said).contains("shards = [\"m\"]"));
}

#[test]
fn where_needs_no_server_when_it_is_offline() {
    let folder = Folder::new("where");
    let file = folder.file(&GOOD.replace("[pool.main]\n", "[pool.main]\nhash_tag = \"{}\"\n"));
    let said = ketch(&["where", "--offline", "--json", "-c", &file, "{a}1", "{a}2"]);
    assert_eq!(code(&said), 0, "{}", err(&said));
    let places: serde_json::Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(places[0]["shard"], places[1]["shard"]);
    assert_eq!(places[0]["hash"], places[1]["hash"]);
    assert!(places[0].get("write").is_none());
    assert_eq!(code(&ketch(&["where", "--offline", "--pool", "x", "-c", &file, "k"])), 2);
    let empty = ketch(&["where", "--offline", "-c", &file, ""]);
    assert!(out(&empty).starts_with("\"\"\n  shard  main/"), "{}", out(&empty));
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let said = ketch(&["completions", shell]);
        assert_eq!(code(&said), 0);
        assert!(out(&said).contains("completions") && !out(&said).is_empty());
    }
}

#[test]
fn output_that_nobody_reads_is_no_failure_of_its_own() {
    let folder = Folder::new("unread");
    for (text, due) in [(GOOD, 0), ("[pool.main]\nlisten = 1\n", 78)] {
        let file = folder.file(text);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(KETCH);
        command.args(["check", "-c", &file]).stdout(writer.try_clone().unwrap()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(due));
    }
}
