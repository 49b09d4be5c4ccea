//! Reads on replicas, listeners for reads, and the checks of load balancers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ketch::internals::lab::{Client, Process, Server, wait_until};
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, client, expect_error, ok, still_open};

/// How often a node has executed a command.
fn calls(node: &Server, command: &str) -> u64 {
    let stats = node.info("commandstats", &format!("cmdstat_{command}"));
    let calls = stats.as_deref().and_then(|s| s.strip_prefix("calls=")).and_then(|s| s.split(',').next());
    calls.map_or(0, |number| number.parse().unwrap())
}

/// A stage whose replicas are known to serve.
fn with_replicas(setting: Setting) -> Stage {
    let replicas = setting.replicas;
    let stage = Stage::start(setting);
    let mut client = stage.client();
    let serves = || {
        let _ = client.ask(&["STRLEN", "k"]).unwrap();
        (1..=replicas).all(|n| calls(stage.node(0, n), "strlen") > 0)
    };
    wait_until(SOON, "every replica serves reads", serves).unwrap();
    stage
}

#[test]
fn reads_are_spread_over_replicas_and_writes_go_to_the_primary() {
    let pool = "reads = \"prefer-replica\"".to_owned();
    let stage = with_replicas(Setting { replicas: 2, pool, ..Setting::default() });
    let mut clients: Vec<Client> = (0..8).map(|_| stage.client()).collect();
    for _ in 0..50 {
        for client in &mut clients {
            assert_eq!(client.ask(&["SET", "k", "v"]).unwrap(), ok());
            client.ask(&["GET", "k"]).unwrap();
        }
    }
    let (at, one, two) =
        (calls(stage.node(0, 0), "get"), calls(stage.node(0, 1), "get"), calls(stage.node(0, 2), "get"));
    assert_eq!((at, one + two), (0, 400), "{one} {two}");
    assert!(one > 50 && two > 50, "{one} {two}");
    assert_eq!(calls(stage.node(0, 0), "set"), 400);
}

#[test]
fn in_one_pipeline_reads_on_replicas_never_overtake_and_never_fall_behind_writes() {
    let pool = "reads = \"prefer-replica\"".to_owned();
    let stage = with_replicas(Setting { shards: 1, replicas: 2, pool, ..Setting::default() });
    std::thread::scope(|scope| {
        for n in 0..4 {
            let mut client = stage.client();
            scope.spawn(move || {
                let key = format!("k{n}");
                for i in 1..300 {
                    let value = i.to_string();
                    let (get, set) = (vec!["GET", &key], vec!["SET", &key, &value]);
                    let replies = client.pipeline(&[get.clone(), set, get.clone(), get]).unwrap();
                    let before = replies[0].number().unwrap_or(0);
                    assert!(before < i, "the later value {before} was read before it was written");
                    assert_eq!(replies[1..], [ok(), bulk(&value), bulk(&value)]);
                }
            });
        }
    });
}

#[test]
fn replicas_that_die_are_left_to_the_others_and_then_to_the_primary() {
    let pool = "reads = \"prefer-replica\"".to_owned();
    let stage = with_replicas(Setting { replicas: 2, pool, ..Setting::default() });
    let mut client = stage.client();
    client.ask(&["SET", "k", "v"]).unwrap();
    for n in [1, 2] {
        let has = || stage.node(0, n).ask(&["GET", "k"]).is_ok_and(|reply| reply == bulk("v"));
        wait_until(SOON, "each replica has it", has).unwrap();
    }
    for n in [1, 2] {
        stage.node(0, n).kill();
        for _ in 0..200 {
            assert_eq!(client.ask(&["GET", "k"]).unwrap(), bulk("v"));
        }
    }
    assert!(calls(stage.node(0, 0), "get") >= 200);
}

/// Ketch with a listener of each route.
fn three_routes() -> Stage {
    let listeners = vec!["route = \"auto\"", "route = \"primary\"", "route = \"replica\""];
    Stage::start(Setting { shards: 2, replicas: 1, listeners, ..Setting::default() })
}

#[test]
fn a_listener_says_by_its_route_who_it_is() {
    let stage = three_routes();
    for (listener, role) in [(0, "master"), (1, "master"), (2, "slave")] {
        let mut client = client(stage.listener(listener));
        let answer = client.ask(&["ROLE"]).unwrap();
        assert_eq!(answer.elements().unwrap()[0].text(), Some(role), "{answer:?}");
        let line = format!("role:{role}");
        for request in
            [&b"info replication\r\n"[..], b"*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n", b"INFO\r\n"]
        {
            client.send_raw(request).unwrap();
            let info = client.read().unwrap();
            assert!(info.text().unwrap().lines().any(|l| l == line), "{role}: {info:?}");
        }
        let keys = stage.key_each();
        let missing = [stage.keys_on(0, 2).remove(1), stage.keys_on(1, 2).remove(1)];
        let read = client.ask(&["MGET", &missing[0], &missing[1]]).unwrap();
        assert_eq!(read, Value::Array(vec![Value::Nil, Value::Nil]));
        for request in [
            &["SET", &keys[0], "v"][..],
            &["MSET", &keys[0], "v", &keys[1], "v"],
            &["DEL", &keys[0], &keys[1]],
            &["FLUSHALL"],
        ] {
            let reply = client.ask(request).unwrap();
            match role {
                "slave" => expect_error(&reply, "READONLY You can't write against a read only replica"),
                _ => assert!(!matches!(reply, Value::Error(_)), "{request:?}: {reply:?}"),
            }
        }
        let large = "x".repeat(200_000);
        let streamed = client.ask(&["SET", &keys[0], &large]).unwrap();
        match role {
            "slave" => expect_error(&streamed, "READONLY"),
            _ => assert_eq!(streamed, ok()),
        }
        still_open(&mut client);
    }
}

#[test]
fn haproxy_s_usual_check_finds_the_listeners_that_take_writes() {
    let stage = three_routes();
    let port = stage.home().port().unwrap();
    let socket = stage.home().folder().join("haproxy.sock");
    let mut conf = format!(
        "global\n  stats socket {} level admin\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 10s\n  \
         timeout server 10s\nlisten redis\n  bind 127.0.0.1:{port}\n  option tcp-check\n  tcp-check connect\n  \
         tcp-check send PING\\r\\n\n  tcp-check expect string +PONG\n  tcp-check send info\\ replication\\r\\n\n  \
         tcp-check expect string role:master\n  tcp-check send QUIT\\r\\n\n  tcp-check expect string +OK\n",
        socket.display()
    );
    for (name, listener) in [("auto", 0), ("primary", 1), ("replica", 2)] {
        conf += &format!("  server {name} {} check inter 100ms\n", stage.listener(listener));
    }
    let file = stage.home().folder().join("haproxy.cfg");
    std::fs::write(&file, conf).unwrap();
    let _haproxy = Process::start(
        stage.home(),
        "haproxy",
        &haproxy(),
        ["-db".as_ref(), "-f".as_ref(), file.as_os_str()],
    )
    .unwrap();
    let status = |name: &str| {
        let mut stats = UnixStream::connect(&socket).ok()?;
        stats.write_all(b"show stat\n").ok()?;
        let mut text = String::new();
        stats.read_to_string(&mut text).ok()?;
        // pxname, svname, … status, …, check_status is the 37th.
        let line = text.lines().find(|l| l.starts_with(&format!("redis,{name},")))?.to_owned();
        let fields: Vec<&str> = line.split(',').collect();
        Some((fields[17].to_owned(), fields[36].to_owned()))
    };
    let says = |name: &str, up: &str, check: &str| status(name) == Some((up.to_owned(), check.to_owned()));
    wait_until(SOON, "HAProxy knows who is who", || {
        says("auto", "UP", "L7OK")
            && says("primary", "UP", "L7OK")
            && status("replica").is_some_and(|s| s.0 == "DOWN")
    })
    .unwrap_or_else(|e| panic!("{e}: {:?} {:?} {:?}", status("auto"), status("primary"), status("replica")));
    let mut through = Client::connect(([127, 0, 0, 1], port).into(), SOON).unwrap();
    assert_eq!(through.ask(&["SET", "k", "v"]).unwrap(), ok());
}

/// Debian installs it where only root's PATH looks.
fn haproxy() -> std::path::PathBuf {
    let debian = Path::new("/usr/sbin/haproxy");
    if debian.exists() { debian } else { Path::new("haproxy") }.to_owned()
}
