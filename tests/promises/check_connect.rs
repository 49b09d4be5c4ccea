//! `ketch check --connect` explains what stands between Ketch and its servers; `ketch where` finds
//! them.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ketch::internals::base::Address;
use ketch::internals::lab::{Group, Home, NodeOptions, Options, Program, Server};

const KETCH: &str = env!("CARGO_BIN_EXE_ketch");

/// What a run of `ketch` said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn ketch(home: &Home, config: &str, args: &[&str]) -> Said {
    let file = home.folder().join("ketch.toml");
    fs::write(&file, config).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let run = Command::new(KETCH).args(args).arg("-c").arg(&file).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: run.status.code().unwrap(), out: text(run.stdout), err: text(run.stderr) }
}

fn check(home: &Home, config: &str) -> Said {
    ketch(home, config, &["check", "--connect", "--color", "never"])
}

#[track_caller]
fn expect(said: &Said, code: i32, parts: &[&str]) {
    for part in parts {
        assert!(said.err.contains(part), "missing {part:?} in:\n{}{}", said.out, said.err);
    }
    assert_eq!(said.code, code, "{}{}", said.out, said.err);
}

/// A pool that names these Sentinels and masters; `more` are further lines.
fn pool(sentinels: &[u16], masters: &[&str], more: &str) -> String {
    let sentinels: Vec<String> = sentinels.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!(
        "[pool.main]\nlisten = \"127.0.0.1:6380\"\nsentinels = {sentinels:?}\nshards = {masters:?}\n{more}\n"
    )
}

fn auth(lines: &str) -> String {
    format!("[pool.main.auth]\n{lines}\n")
}

#[test]
fn passwords_are_explained_and_never_shown() {
    let options = Options {
        replicas: 1,
        password: Some("node-secret".into()),
        sentinel_password: Some("sentinel-secret".into()),
        ..Options::new(KETCH).unwrap()
    };
    let group = Group::start(&options).unwrap();
    let home = group.home();
    let ports: Vec<u16> = group.sentinels().iter().map(Server::port).collect();
    let check = |more: &str| {
        let said = check(home, &pool(&ports, &["shard1"], more));
        assert!(!said.err.contains("secret"), "{}", said.err);
        said
    };

    let right = auth("password = \"node-secret\"\nsentinel_password = \"sentinel-secret\"");
    let said = check(&right);
    expect(&said, 0, &["warning[S007]", "min-replicas-to-write is 0 on 127.0.0.1:"]);
    assert!(said.out.ends_with("is fine: pool main has 1 shard and 1 listener\n"), "{}", said.out);

    expect(
        &check(&auth("password = \"node-secret\"")),
        78,
        &[
            "error[S005]: Sentinel 127.0.0.1:",
            "wants a password, and none is given",
            "'password' is for the nodes only; Sentinels have their own",
            "write sentinel_password_file or sentinel_password in [pool.main.auth]",
        ],
    );
    expect(
        &check(&auth("password = \"wrong-secret\"\nsentinel_password = \"sentinel-secret\"")),
        78,
        &["error[S005]: primary 127.0.0.1:", "error[S005]: replica 127.0.0.1:", "refuses the password\n"],
    );
    expect(
        &check(&auth(
            "username = \"app\"\npassword = \"wrong-secret\"\nsentinel_password = \"wrong-secret\"",
        )),
        78,
        &["error[S005]: Sentinel 127.0.0.1:", "refuses the password\n"],
    );
    expect(
        &check(&auth("sentinel_password = \"sentinel-secret\"")),
        78,
        &["of 'shard1' wants a password", "write password_file or password in [pool.main.auth]"],
    );
}

#[test]
fn what_sentinels_say_is_explained() {
    let options = Options { replicas: 1, ..Options::new(KETCH).unwrap() };
    let group = Group::start(&options).unwrap();
    let home = group.home();
    let ports: Vec<u16> = group.sentinels().iter().map(Server::port).collect();
    let (primary, replica) = (group.primary(0).unwrap(), group.replicas(0)[0]);

    // A Redis port where a Sentinel's is due, at its place in the file.
    let mut mixed = ports.clone();
    mixed[0] = primary.port();
    let said = check(home, &pool(&mixed, &["shard1"], ""));
    let what = format!(
        "error[S002]: 127.0.0.1:{} is not a Sentinel: it answers as a Redis server (role primary)",
        primary.port()
    );
    expect(&said, 78, &[&what, "ketch.toml:3:14\n", "Sentinels usually listen on port 26379"]);

    // A master that nobody knows.
    let said = check(home, &pool(&ports, &["shrad1"], ""));
    expect(
        &said,
        78,
        &[
            "error[S003]: Sentinels 127.0.0.1:",
            "know no master 'shrad1'",
            "known there: shard1",
            "did you mean 'shard1'?",
        ],
    );

    // Nothing listens there.
    let closed = home.port().unwrap();
    let said = check(home, &pool(&[ports[0], closed], &["shard1"], ""));
    expect(
        &said,
        69,
        &[&format!("error[S001]: Sentinel 127.0.0.1:{closed} does not answer: the connection was refused")],
    );

    // Passwords where there are none.
    let said = check(home, &pool(&ports, &["shard1"], &auth("password = \"x\"\nsentinel_password = \"x\"")));
    expect(
        &said,
        78,
        &[
            "error[S005]: Sentinel 127.0.0.1:",
            "has no password, but one is given",
            "leave sentinel_password out",
        ],
    );
    let said = check(home, &pool(&ports, &["shard1"], &auth("password = \"x\"")));
    expect(&said, 78, &["error[S005]: primary 127.0.0.1:", "leave password out"]);

    // An address that cannot be reached from here, and the map that mends it.
    let announce = |name: &str, port: u16| {
        for sentinel in group.sentinels() {
            let reply =
                sentinel.ask(&["SENTINEL", "MONITOR", name, "127.0.0.1", &port.to_string(), "2"]).unwrap();
            assert!(!reply.is_error(), "{reply:?}");
        }
    };
    announce("far", closed);
    let said = check(home, &pool(&ports, &["far"], ""));
    expect(
        &said,
        69,
        &[
            &format!(
                "error[S004]: the primary of 'far' is announced as 127.0.0.1:{closed}, which cannot be reached from here"
            ),
            "announced by 3 of 3 Sentinels; connecting to 127.0.0.1:",
            "127.0.0.1 means another machine to each who hears it",
            "set replica-announce-ip",
            "address_map = { \"127.0.0.1\" = \"HOST\" }",
        ],
    );
    let map = format!("address_map = {{ \"127.0.0.1:{closed}\" = \"127.0.0.1:{}\" }}", primary.port());
    expect(&check(home, &pool(&ports, &["far"], &map)), 0, &[]);

    // A replica that is announced as the primary.
    announce("turned", replica.port());
    let said = check(home, &pool(&ports, &["turned"], ""));
    let what = format!(
        "error[S006]: Sentinel names 127.0.0.1:{} the primary of 'turned', but it is a replica",
        replica.port()
    );
    let follows = format!("ROLE says that it is a replica of 127.0.0.1:{}", primary.port());
    expect(&said, 69, &[&what, &follows]);

    // A quorum that is never reached.
    group.sentinels()[0].ask(&["SENTINEL", "SET", "shard1", "quorum", "9"]).unwrap();
    let said = check(home, &pool(&ports, &["shard1"], ""));
    expect(
        &said,
        0,
        &["warning[S008]: 'shard1' can never fail over", "the quorum is 9, and it knows 3 Sentinels"],
    );

    // Everything at once.
    let said = check(home, &pool(&[closed, primary.port(), ports[1]], &["far", "nobody"], ""));
    expect(
        &said,
        78,
        &["error[S001]", "error[S002]", "error[S003]", "error[S004]", "4 problems in the way of"],
    );

    // Where keys are, by what the Sentinels say.
    let said =
        ketch(home, &pool(&ports, &["shard1"], "reads = \"prefer-replica\""), &["where", "a", "b", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let places: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(places[1]["key"], "b");
    assert_eq!(places[1]["write"], format!("127.0.0.1:{}", primary.port()));
    assert_eq!(places[1]["read"], serde_json::json!([format!("127.0.0.1:{}", replica.port())]));
}

#[test]
fn what_listed_nodes_say_is_explained() {
    let home = Home::new(KETCH.as_ref()).unwrap();
    let redis = Program::redis().unwrap();
    let node = |name: &str, options: &NodeOptions| Server::start(&home, &redis, name, options).unwrap();
    let first = node(
        "first",
        &NodeOptions { lines: vec!["min-replicas-to-write 1".into()], ..NodeOptions::default() },
    );
    let follower =
        NodeOptions { replica_of: Some(Address::new("127.0.0.1", first.port())), ..NodeOptions::default() };
    let replica = node("replica", &follower);
    let other = node("other", &NodeOptions::default());
    let closed = home.port().unwrap();
    let pool = |nodes: &[u16]| {
        let nodes: Vec<String> = nodes.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!(
            "[pool.main]\nlisten = \"127.0.0.1:6380\"\n[[pool.main.shard]]\nname = \"s\"\nnodes = {nodes:?}\n"
        )
    };

    let said = check(&home, &pool(&[replica.port(), first.port()]));
    expect(&said, 0, &[]);
    assert_eq!(said.err, "");
    let said = check(&home, &pool(&[first.port(), other.port()]));
    expect(&said, 69, &["error[S011]: 2 nodes of 's' say that they are the primary", "ketch.toml:4:8\n"]);
    let said = check(&home, &pool(&[replica.port(), closed]));
    expect(
        &said,
        69,
        &["error[S001]: node 127.0.0.1:", "error[S011]: no node of 's' says that it is the primary"],
    );

    let said = ketch(&home, &pool(&[replica.port(), first.port()]), &["where", "k"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains(&format!("  write  127.0.0.1:{}\n", first.port())), "{}", said.out);
}
