//! MONITOR shows what all clients of a pool say, on all workers, in the lines of a Redis: but for the moment and the
//! address each line is what a redis-server shows of the same requests.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, NodeOptions, Program, Server, wait_until};
use ketch::internals::resp::Value;

use crate::support::{SOON, Setting, Stage, client, encode, error, expect_error, ok};

/// What marks the end of what is looked at.
const END: &str = "\"ECHO\" \"the end\"\r\n";

/// Bytes until they end with `end`.
#[track_caller]
fn until(client: &mut Client, end: &str) -> String {
    let mut bytes = Vec::new();
    let until = Instant::now() + SOON;
    let mut piece = [0; 4096];
    while !bytes.ends_with(end.as_bytes()) {
        assert!(Instant::now() < until, "no {end:?} behind {:?}", String::from_utf8_lossy(&bytes));
        match client.stream().read(&mut piece) {
            Ok(0) => panic!("closed behind {:?}", String::from_utf8_lossy(&bytes)),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(error) => panic!("{error} behind {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A line without its moment and whose it is.
fn masked(line: &str) -> String {
    let (time, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
    let micros = time.strip_prefix('+').and_then(|time| time.split_once('.')).map(|(_, micros)| micros);
    assert_eq!(micros.map(str::len), Some(6), "{line:?}");
    let (from, words) = rest.split_once("] ").unwrap_or_else(|| panic!("{line:?}"));
    let (db, address) = from.strip_prefix('[').and_then(|from| from.split_once(' ')).unwrap();
    assert!(address.parse::<SocketAddr>().is_ok(), "{line:?}");
    format!("[{db}] {words}")
}

fn monitor(address: SocketAddr) -> Client {
    let mut monitor = client(address);
    assert_eq!(monitor.ask(&["MONITOR"]).unwrap(), ok());
    monitor
}

/// The lines that a server shows while a client says this.
fn shown(address: SocketAddr, requests: &[Vec<Vec<u8>>]) -> Vec<String> {
    let mut monitor = monitor(address);
    let mut talker = client(address);
    for request in requests {
        talker.ask(request).unwrap();
    }
    talker.ask(&["ECHO", "the end"]).unwrap();
    let text = until(&mut monitor, END);
    text.lines().filter(|line| !line.contains(" lua] ")).map(masked).collect()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn each_line_is_what_a_redis_shows() {
    let stage = Stage::shards(1);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    let mut requests: Vec<Vec<Vec<u8>>> = [
        "PING",
        "ping x",
        "set k v",
        "foo bar",
        "GET",
        "GET a b",
        "AUTH x",
        "AUTH default secret",
        "HELLO 2 AUTH default secret SETNAME n",
        "CONFIG GET maxclients",
        "CLIENT ID",
        "CLIENT LIST",
        "client kill id 99999",
        "CLIENT SETNAME x",
        "client foo",
        "client",
        "COMMAND COUNT",
        "INFO server",
        "SLOWLOG GET",
        "LATENCY LATEST",
        "MEMORY DOCTOR",
        "ROLE",
        "MULTI",
        "SET a 1",
        "BADCMD",
        "EXEC",
        "MULTI",
        "SET a 1",
        "PING",
        "SELECT 1",
        "CONFIG GET port",
        "GET a",
        "SELECT 0",
        "EXEC",
        "MULTI",
        "GET a",
        "DISCARD",
        "WATCH a",
        "UNWATCH",
        "EXEC",
        "MULTI",
        "WATCH a",
        "MULTI",
        "UNWATCH",
        "MONITOR",
        "EXEC",
        "MULTI",
        "EXEC",
        "EXEC x",
        "SELECT 3",
        "GET x",
        "SELECT 99",
        "SELECT 0",
        "EVAL return 0",
        "EVAL return 1 k",
        "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        "SCRIPT LOAD return",
        "BLPOP k 0.01",
        "LPUSH l a b",
        "BLPOP l 0",
        "MGET a b c",
        "DEL a b",
        "SCAN 0",
        "DBSIZE",
        "KEYS *",
        "MIGRATE 127.0.0.1 1 k 0 10 AUTH secret",
        "READONLY",
        "CLUSTER INFO",
        "ASKING",
        "TIME",
        "WAIT 0 0",
        "PUBLISH channel message",
        "RESET",
    ]
    .map(words)
    .into();
    requests.push(vec![b"SET".to_vec(), b"k \"\\".to_vec(), b"a\r\n\t\x07\x08\x00\xff".to_vec()]);
    requests.push(vec![b"SET".to_vec(), Vec::new(), Vec::new()]);
    requests.push(vec![
        b"EVAL".to_vec(),
        b"redis.call('SET', KEYS[1], 1)".to_vec(),
        b"1".to_vec(),
        b"k".to_vec(),
    ]);
    let (ours, theirs) = (shown(stage.address(), &requests), shown(alone.address(), &requests));
    assert_eq!(ours, theirs);
    assert!(!ours.concat().contains("secret"));
    // Here Redis finds the mistake before it comes to the password.
    let ours = shown(stage.address(), &[words("HELLO 9 AUTH default secret")]);
    assert_eq!(ours[0], "[0] \"HELLO\" \"9\" \"AUTH\" \"(redacted)\" \"(redacted)\"");
}

#[test]
fn clients_of_all_workers_are_seen_from_each() {
    let stage = Stage::shards(2);
    let mut monitors = [(); 2].map(|()| monitor(stage.address()));
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let keys = stage.key_each();
    for round in 0..3 {
        for (n, client) in clients.iter_mut().enumerate() {
            client.ask(&["SET", &keys[n % 2], &format!("{round}-{n}")]).unwrap();
        }
    }
    for monitor in &mut monitors {
        let mut said = Vec::new();
        while said.len() < 12 {
            said.extend(until(monitor, "\r\n").lines().map(str::to_owned));
        }
        for (n, client) in clients.iter().enumerate() {
            let from = format!(" [0 {}] ", client.stream().local_addr().unwrap());
            let of: Vec<&str> = said.iter().filter_map(|line| Some(line.split_once(&from)?.1)).collect();
            let wanted: Vec<String> =
                (0..3).map(|round| format!("\"SET\" \"{}\" \"{round}-{n}\"", keys[n % 2])).collect();
            assert_eq!(of, wanted);
        }
    }
}

/// In the order of a Redis, byte for byte but for moments and addresses.
#[test]
fn a_monitor_may_go_on_talking_but_uses_no_keys() {
    let stage = Stage::shards(1);
    let hears = |address| {
        let mut monitor = client(address);
        let requests = [
            "PING",
            "MONITOR",
            "PING",
            "GET k",
            "SET k v",
            "EVAL x 0",
            "PUBLISH channel message",
            "MONITOR",
            "MULTI",
            "GET k",
            "PING",
            "EXEC",
            "SELECT 1",
            "CLIENT REPLY OFF",
            "PING",
            "CLIENT REPLY ON",
            "HELLO 3",
            "PING",
            "RESET",
            "PING",
            "MONITOR",
            "ECHO last",
        ];
        let bytes: Vec<u8> = requests.iter().flat_map(|request| encode(&words(request))).collect();
        monitor.stream().write_all(&bytes).unwrap();
        let text = until(&mut monitor, "\"ECHO\" \"last\"\r\n");
        let mask = |line: &str| if line.contains("] \"") { masked(line) } else { line.to_owned() };
        let lines: Vec<String> = text.lines().map(mask).collect();
        // What HELLO tells of the server is its own.
        lines
            .into_iter()
            .filter(|line| !line.starts_with([':', '%']) && !line.contains("ketch"))
            .collect::<Vec<_>>()
    };
    assert_eq!(hears(stage.address()), hears(stage.primary(0).address()));
}

#[test]
fn monitors_are_listed_and_leave_no_trace() {
    let stage = Stage::shards(1);
    let mut one = monitor(stage.address());
    let mut other = stage.client();
    let flags = |client: &mut Client| {
        let list = client.ask(&["CLIENT", "LIST"]).unwrap();
        list.text().unwrap().matches(" flags=O ").count()
    };
    assert_eq!(flags(&mut other), 1);
    assert_eq!(one.ask(&["RESET"]).unwrap(), Value::Simple("RESET".into()));
    assert_eq!(flags(&mut other), 0);
    assert_eq!(one.ask(&["GET", "k"]).unwrap(), Value::Nil);
    drop(monitor(stage.address()));
    wait_until(SOON, "it has gone", || flags(&mut stage.client()) == 0).unwrap();
}

#[test]
fn only_who_has_authenticated_may_watch_and_passwords_are_never_seen() {
    let tables = "[[pool.main.user]]\nname = \"app\"\npassword = \"open sesame\"\n";
    let stage = Stage::start(Setting { tables: tables.into(), ..Setting::default() });
    expect_error(&stage.client().ask(&["MONITOR"]).unwrap(), "NOAUTH");
    let mut one = stage.client();
    assert_eq!(one.ask(&["AUTH", "app", "open sesame"]).unwrap(), ok());
    assert_eq!(one.ask(&["MONITOR"]).unwrap(), ok());
    let mut other = stage.client();
    error(&other.ask(&["AUTH", "app", "open says me"]).unwrap());
    error(&other.ask(&["GET", "hidden"]).unwrap());
    assert_eq!(other.ask(&["AUTH", "app", "open sesame"]).unwrap(), ok());
    other.ask(&["ECHO", "the end"]).unwrap();
    let text = until(&mut one, END);
    let lines: Vec<String> = text.lines().map(masked).collect();
    let auth = "[0] \"AUTH\" \"(redacted)\" \"(redacted)\"";
    assert_eq!(lines, [auth, auth, END.trim_end()].map(|line| line.replace("\"ECHO", "[0] \"ECHO")));
}

#[test]
fn one_that_does_not_read_is_cut_and_others_go_on() {
    let tables = "[pool.main.limits]\noutput_limit = \"1MiB\"\n";
    let stage = Stage::start(Setting { tables: tables.into(), ..Setting::default() });
    let mut deaf = [(); 2].map(|()| monitor(stage.address()));
    let mut talker = stage.client();
    let long = "x".repeat(50_000);
    let closed = || {
        let metrics = crate::support::http(stage.admin(), "/metrics").unwrap();
        metrics.contains("ketch_client_closed_total{pool=\"main\",reason=\"slow_monitor\"} 2\n")
    };
    wait_until(Duration::from_secs(30), "both are cut", || {
        for _ in 0..100 {
            talker.ask(&["ECHO", &long]).unwrap();
        }
        closed()
    })
    .unwrap();
    for monitor in &mut deaf {
        let read = monitor.read_to_end().unwrap();
        assert!(read.starts_with(b"+") && read.len() > 50_000);
    }
    talker.ask(&["PING"]).unwrap();
}

/// What passes in pieces is not kept, so it is not shown either.
#[test]
fn a_large_value_is_told_by_its_size() {
    let stage = Stage::shards(1);
    let mut one = monitor(stage.address());
    let mut talker = stage.client();
    assert_eq!(talker.ask(&["SET", "k", &"v".repeat(200_000), "EX", "100"]).unwrap(), ok());
    let line = until(&mut one, "\r\n");
    assert_eq!(
        masked(line.trim_end()),
        "[0] \"SET\" \"k\" \"... (200000 more bytes)\" \"... (2 more arguments)\""
    );
}

#[test]
fn redis_cli_shows_the_lines() {
    let stage = Stage::shards(1);
    let port = stage.address().port().to_string();
    let mut command = Command::new("redis-cli");
    let mut cli = command.args(["-p", &port, "MONITOR"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = cli.stdout.take().unwrap();
    let mut text = String::new();
    let mut read = |end: &str| {
        let mut byte = [0];
        while !text.ends_with(end) && said.read(&mut byte).unwrap() == 1 {
            text.push(char::from(byte[0]));
        }
    };
    read("OK\n");
    let mut talker = stage.client();
    talker.ask(&["SET", "k", "v"]).unwrap();
    talker.ask(&["ECHO", "the end"]).unwrap();
    read("\"the end\"\n");
    cli.kill().unwrap();
    cli.wait().unwrap();
    let address = talker.stream().local_addr().unwrap();
    assert!(text.contains(&format!(" [0 {address}] \"SET\" \"k\" \"v\"\n")), "{text}");
}
