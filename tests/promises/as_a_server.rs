//! Ketch as tools see it: what INFO, CONFIG, SLOWLOG and the like say about a pool of several nodes, and
//! Sentinel-aware clients that are pointed at it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, client, error, ok, still_open};

fn info(client: &mut Client, section: &str) -> String {
    client.ask(&["INFO", section]).unwrap().text().unwrap().to_owned()
}

/// The number of a field, if the section has it.
fn field(client: &mut Client, section: &str, name: &str) -> Option<u64> {
    let text = info(client, section);
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok())
}

#[test]
fn what_nodes_report_is_summed_and_asked_of_no_node() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    for n in 0..90 {
        assert_eq!(client.ask(&["SET", &format!("key:{n}"), "v"]).unwrap(), ok());
        client.ask(&["GET", &format!("key:{n}")]).unwrap();
        client.ask(&["GET", &format!("missing:{n}")]).unwrap();
    }
    client.ask(&["PEXPIRE", "key:1", "10000000"]).unwrap();
    wait_until(SOON, "all keys are in the sum", || {
        info(&mut client, "keyspace").contains("db0:keys=90,expires=1,avg_ttl=")
    })
    .unwrap();
    assert_eq!(field(&mut client, "stats", "keyspace_hits"), Some(90));
    assert_eq!(field(&mut client, "stats", "keyspace_misses"), Some(90));
    let used =
        |shard: usize| stage.primary(shard).info("memory", "used_memory").unwrap().parse::<u64>().unwrap();
    let (sum, nodes) = (field(&mut client, "memory", "used_memory").unwrap(), used(0) + used(1) + used(2));
    assert!(sum.abs_diff(nodes) < nodes / 2, "{sum} {nodes}");
    assert_eq!(field(&mut client, "ketch", "shards_reporting"), Some(3));
    // All of them paused: it answers all the same.
    (0..3).for_each(|shard| stage.primary(shard).pause());
    assert!(field(&mut client, "memory", "used_memory").is_some());
    (0..3).for_each(|shard| stage.primary(shard).resume());
}

#[test]
fn commands_are_counted_with_the_time_that_nodes_took() {
    let stage = Stage::shards(1);
    let mut client = stage.client();
    let slow = "for i = 1, 1e7 do end return 1";
    for _ in 0..10 {
        client.ask(&["EVAL", slow, "0"]).unwrap();
        client.ask(&["GET", "k"]).unwrap();
    }
    assert!(error(&client.ask(&["LPUSH", "k"]).unwrap()).starts_with("ERR wrong number"));
    assert!(error(&client.ask(&["INCRBY", "k", "x"]).unwrap()).starts_with("ERR value"));
    let stats = info(&mut client, "all");
    let usec = |command: &str| {
        let head = format!("cmdstat_{command}:calls=10,usec=");
        let line =
            stats.lines().find_map(|line| line.strip_prefix(&head)).unwrap_or_else(|| panic!("{stats}"));
        line.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    // A GET may be answered within the turn in which it came: no time at all.
    assert!(usec("eval") > 10_000 && usec("eval") > 2 * usec("get"), "{stats}");
    assert!(stats.contains("errorstat_ERR:count=2"), "{stats}");
    let ends = |command: &str, end: &str| {
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
        assert!(line.is_some_and(|line| line.ends_with(end)), "{line:?}");
    };
    ends("lpush", ",rejected_calls=1,failed_calls=0");
    ends("incrby", ",rejected_calls=0,failed_calls=1");
    ends("get", ",rejected_calls=0,failed_calls=0");
    assert_eq!(client.ask(&["CONFIG", "RESETSTAT"]).unwrap(), ok());
    let stats = info(&mut client, "all");
    assert!(!stats.contains("cmdstat_eval") && !stats.contains("errorstat_"), "{stats}");
    // For every client, whichever worker serves it.
    for mut other in (0..4).map(|_| stage.client()) {
        assert!(!info(&mut other, "commandstats").contains("cmdstat_eval"));
    }
}

#[test]
fn codes_that_scripts_make_up_are_counted_like_any_other() {
    let stage = Stage::shards(1);
    let errors = |address| {
        let mut client = client(address);
        assert_eq!(client.ask(&["CONFIG", "RESETSTAT"]).unwrap(), ok());
        for script in ["MY_ERR_CODE of mine", "MY_ERR_CODE again", "My-code.2 x", "ERR plain"] {
            error(&client.ask(&["EVAL", &format!("return redis.error_reply('{script}')"), "0"]).unwrap());
        }
        info(&mut client, "errorstats")
    };
    let ours = errors(stage.address());
    assert!(ours.contains("errorstat_MY_ERR_CODE:count=2\r\n"), "{ours}");
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(ours), sorted(errors(stage.primary(0).address())));
}

#[test]
fn a_parameter_that_is_set_holds_in_every_worker() {
    let stage = Stage::shards(1);
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let set = clients[0].ask(&["CONFIG", "SET", "maxclients", "5", "timeout", "1"]).unwrap();
    assert_eq!(set, ok());
    for one in &mut clients {
        let both = one.ask(&["CONFIG", "GET", "maxclients", "timeout"]).unwrap();
        let expected = ["maxclients", "5", "timeout", "1"].map(bulk).to_vec();
        assert_eq!(both, Value::Array(expected));
    }
    let _fifth = stage.client();
    let refused = client(stage.address()).read().unwrap();
    assert_eq!(error(&refused), "ERR max number of clients reached");
    for one in &mut clients {
        one.set_limit(SOON);
        assert!(one.read().is_err(), "an idle client is closed");
    }
}

/// The oldest entry of the slow log whose command has this name.
fn slow_entry(client: &mut Client, name: &str) -> Option<Vec<Value>> {
    let log = client.ask(&["SLOWLOG", "GET", "-1"]).unwrap();
    let is_named = |entry: &&Value| {
        let args = entry.elements().unwrap()[3].elements().unwrap();
        args[0].text().is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    log.elements().unwrap().iter().rfind(is_named).map(|entry| entry.elements().unwrap().to_vec())
}

#[test]
fn slow_requests_are_logged_with_their_client_and_others_are_not() {
    let stage = Stage::start(Setting {
        tables: "[pool.main.timeouts]\nrequest = \"1s\"\n".into(),
        ..Setting::default()
    });
    let (mut one, mut other) = (stage.client(), stage.client());
    assert_eq!(one.ask(&["CLIENT", "SETNAME", "slow-one"]).unwrap(), ok());
    assert_eq!(one.ask(&["CONFIG", "SET", "latency-monitor-threshold", "10"]).unwrap(), ok());
    // Longer from try to try, on whatever machine.
    let mut turns = 2_000_000;
    while slow_entry(&mut other, "EVAL").is_none() {
        let script = format!("for i = 1, {turns} do end return redis.call('GET', KEYS[1])");
        one.ask(&["EVAL", script.as_str(), "1", "k"]).unwrap();
        assert_eq!(other.ask(&["SET", "k", "v"]).unwrap(), ok());
        turns *= 2;
    }
    let entry = slow_entry(&mut other, "EVAL").unwrap();
    assert_eq!(entry.len(), 6);
    assert!(entry[2].number().unwrap() >= 10_000 && entry[1].number().unwrap() > 1_700_000_000, "{entry:?}");
    assert_eq!((entry[3].elements().unwrap().len(), entry[5].text()), (4, Some("slow-one")));
    assert!(entry[4].text().unwrap().starts_with("127.0.0.1:"), "{entry:?}");
    let latest = other.ask(&["LATENCY", "LATEST"]).unwrap();
    assert_eq!(latest.elements().unwrap()[0].elements().unwrap()[0], bulk("command"));
    assert_eq!(other.ask(&["LATENCY", "RESET"]).unwrap().number(), Some(1));
    assert_eq!(one.ask(&["SLOWLOG", "RESET"]).unwrap(), ok());
    assert_eq!(other.ask(&["SLOWLOG", "LEN"]).unwrap().number(), Some(0));
    // A request that is given up has taken long, too.
    stage.primary(0).pause();
    assert!(error(&one.ask(&["GET", "never"]).unwrap()).starts_with("TIMEOUT"));
    stage.primary(0).resume();
    let entry = slow_entry(&mut other, "GET").expect("it is in the log");
    assert!(entry[2].number().unwrap() >= 1_000_000, "{entry:?}");
}

#[test]
fn of_a_slow_pipeline_the_commands_that_can_be_slow_are_logged() {
    let stage = Stage::shards(1);
    let mut one = stage.client();
    let mut turns = 4_000_000;
    while slow_entry(&mut one, "EVAL").is_none() {
        let script = format!("for i = 1, {turns} do end return 1");
        let requests = vec![vec!["GET", "k"], vec!["EVAL", script.as_str(), "0"], vec!["SET", "k", "v"]];
        one.pipeline(&requests).unwrap();
        turns *= 2;
    }
    assert!(slow_entry(&mut one, "GET").is_none());
}

/// Requests that a server refuses, in its own words: Ketch's must be the same.
const REFUSED: &[&str] = &[
    "config",
    "config nosuch",
    "config get",
    "config set a",
    "config set a b c",
    "config set foo bar",
    "config set maxclients abc",
    "config set maxclients abc foo 1",
    "config set MAXCLIENTS 0",
    "config set timeout 99999999999",
    "config set timeout 5 TIMEOUT 6",
    "config set slowlog-log-slower-than -2",
    "config set latency-monitor-threshold -1",
    "slowlog",
    "slowlog nosuch",
    "slowlog get x",
    "slowlog get -2",
    "slowlog get 1 2",
    "slowlog len x",
    "latency nosuch",
    "latency history",
    "latency graph nosuch",
    "latency latest x",
    "memory nosuch",
    "memory usage",
    "memory stats x",
    "lolwut version x",
    "lolwut version 99999999999999999999",
    "cluster",
    "cluster info",
    "cluster nosuch",
    "cluster myid x",
    "cluster slots",
    "cluster keyslot a",
    "readonly",
    "readwrite",
    "asking",
    "command nosuch",
    "command list filterby",
    "command getkeys nosuch a",
    "command getkeys ping a",
    "command getkeys get a b",
    "command count x",
    "role x",
    "time x",
    "lastsave x",
];

/// Requests whose answers are the same on any server, empty as it is.
const ANSWERED: &[&str] = &[
    "slowlog get 0",
    "slowlog len",
    "slowlog reset",
    "latency latest",
    "latency history nosuch",
    "latency reset nosuch",
    "latency reset",
    "latency histogram nosuch",
    "memory purge",
    "module list",
    "info nosuch",
    "config get nosuch",
    "config get latency-monitor-threshold",
    "config get slowlog-max-len",
    "config get MAXMEMORY-policy",
    "config get save",
    "config set appendonly no",
    "config resetstat",
    "command getkeys mset a 1 b 2",
    "command getkeysandflags lmove a b left right",
    "command list filterby module x",
    "command docs nosuch",
    "role",
];

#[test]
fn what_is_refused_and_what_is_answered_is_so_in_the_words_of_redis() {
    let stage = Stage::shards(1);
    let (mut ketch, mut node) = (stage.client(), stage.primary(0).client().unwrap());
    for request in REFUSED.iter().chain(ANSWERED) {
        let words: Vec<&str> = request.split(' ').collect();
        let (here, there) = (ketch.ask(&words).unwrap(), node.ask(&words).unwrap());
        assert_eq!(here, there, "{request}");
        assert_eq!(there.is_error(), REFUSED.contains(request), "{request}: {there:?}");
    }
    still_open(&mut ketch);
}

#[test]
fn sections_of_info_come_when_a_server_s_would() {
    let stage = Stage::shards(1);
    let (mut ketch, mut node) = (stage.client(), stage.primary(0).client().unwrap());
    let headings = |client: &mut Client, words: &[&str]| -> Vec<String> {
        let text = client.ask(words).unwrap().text().unwrap().to_owned();
        text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
    };
    for request in [
        "info",
        "info default",
        "info all",
        "info everything",
        "info default commandstats",
        "info cpu SERVER",
    ] {
        let words: Vec<&str> = request.split(' ').collect();
        let mut here = headings(&mut ketch, &words);
        here.retain(|heading| !["# Ketch", "# Shards"].contains(&heading.as_str()));
        let mut there = headings(&mut node, &words);
        there.retain(|heading| heading != "# Latencystats");
        assert_eq!(here, there, "{request}");
    }
    // Each of Ketch's fields that a server has, too, is of the same kind there.
    let text = |client: &mut Client| client.ask(&["INFO"]).unwrap().text().unwrap().to_owned();
    let (here, there) = (text(&mut ketch), text(&mut node));
    let is_number = |value: &str| value.parse::<f64>().is_ok();
    for (name, value) in here.lines().filter_map(|line| line.split_once(':')) {
        let theirs = there.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        if let Some(theirs) = theirs.filter(|_| !name.ends_with("_human")) {
            assert_eq!(is_number(value), is_number(theirs), "{name}: {value} {theirs}");
        }
    }
}

#[test]
fn redis_cli_draws_its_statistics() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    for n in 0..7 {
        client.ask(&["SET", &format!("key:{n}"), "v"]).unwrap();
    }
    wait_until(SOON, "the keys are in the sum", || info(&mut client, "keyspace").contains("keys=7,"))
        .unwrap();
    let port = stage.address().port().to_string();
    let mut cli = Command::new("redis-cli")
        .args(["-p", &port, "--stat", "-i", "0.1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> =
        BufReader::new(cli.stdout.take().unwrap()).lines().take(4).map(|line| line.unwrap()).collect();
    cli.kill().unwrap();
    cli.wait().unwrap();
    // keys, memory, clients, blocked, requests (+more), connections
    let columns: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!((columns[0], columns[2], columns[3]), ("7", "2", "0"), "{lines:#?}");
    assert!(columns[1].ends_with('M') && columns[4].parse::<u64>().unwrap() >= 8, "{lines:#?}");
}

/// Runs a script of tests/clients.
fn session(runtime: &str, script: &str, args: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = root.join(runtime);
    let program = if below.exists() { below } else { runtime.into() };
    let said = Command::new(program)
        .arg(root.join("tests/clients").join(script))
        .args(args)
        .current_dir(root)
        .output()
        .unwrap_or_else(|error| panic!("{runtime}: {error}; run scripts/setup.sh"));
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{script}: {:?}\n{text}", said.status);
}

/// Two shards with a replica each, a listener for writes and one for reads.
fn two_listeners() -> Stage {
    let listeners = vec!["", "route = \"replica\""];
    Stage::start(Setting { shards: 2, replicas: 1, listeners, ..Setting::default() })
}

#[test]
fn redis_py_s_sentinel_client_finds_ketch_and_reads_it_as_a_server() {
    let stage = two_listeners();
    let mut client = stage.client();
    assert_eq!(client.ask(&["SET", "first", "1"]).unwrap(), ok());
    wait_until(SOON, "primaries have reported", || {
        field(&mut client, "ketch", "shards_reporting") == Some(2)
            && info(&mut client, "keyspace").contains("db0:")
    })
    .unwrap();
    session(".venv/bin/python", "sentinel.py", &[&stage.address().to_string(), "2", "main", "s1", "s2"]);
}

#[test]
fn ioredis_with_sentinels_finds_ketch() {
    let stage = two_listeners();
    session("node", "sentinel.mjs", &[&stage.address().to_string(), "main"]);
}

#[test]
fn a_listener_on_every_interface_is_never_announced_as_such() {
    let stage = Stage::shards(1);
    let toml = |listen: &str, announce: &str| {
        let admin = super::support::local(stage.home().port().unwrap());
        let node = stage.primary(0).address();
        format!(
            "threads = 2\n[admin]\nlisten = \"{admin}\"\n[pool.main]\ninsecure = true\n\
             [[pool.main.listen]]\naddress = \"{listen}\"\n{announce}\n\
             [[pool.main.shard]]\nname = \"s1\"\nnodes = [\"{node}\"]\n"
        )
    };
    for (announce, host) in
        [("", "127.0.0.1"), ("announce = \"ketch.example.net:7000\"", "ketch.example.net")]
    {
        let port = stage.home().port().unwrap();
        let name = if announce.is_empty() { "everywhere" } else { "announced" };
        let _ketch = super::support::run(stage.home(), name, &toml(&format!("0.0.0.0:{port}"), announce));
        let address = super::support::local(port);
        let up = || Client::connect(address, Duration::from_millis(500)).is_ok();
        wait_until(SOON, "it listens", up).unwrap();
        let mut client = client(address);
        let found = client.ask(&["SENTINEL", "get-master-addr-by-name", "main"]).unwrap();
        let expected_port = if announce.is_empty() { port.to_string() } else { "7000".to_owned() };
        assert_eq!(found, Value::Array(vec![bulk(host), bulk(expected_port)]));
    }
}
