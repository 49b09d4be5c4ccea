//! Who may connect, and how Ketch itself gets in at the nodes.

use std::process::Command;

use ketch::internals::lab::{Client, NodeOptions, wait_until};
use ketch::internals::resp::Value;

use super::support::{self, KETCH, Setting, Stage, bulk, error, expect_error, ok, still_open};

const USERS: &str = "[[pool.main.user]]\nname = \"default\"\npassword = \"alone\"\n\
                     [[pool.main.user]]\nname = \"app\"\npassword = \"secret\"\n";

#[test]
fn with_users_nothing_goes_without_the_right_password() {
    let stage = Stage::start(Setting { shards: 2, tables: USERS.into(), ..Setting::default() });
    let mut client = stage.client();
    for request in
        [&["GET", "k"][..], &["SET", "k", "v"], &["PING"], &["INFO"], &["NOPE"], &["MGET", "a", "b"]]
    {
        let reply = client.ask(request).unwrap();
        assert_eq!(reply, Value::Error("NOAUTH Authentication required.".into()), "{request:?}");
    }
    expect_error(
        &client.ask(&["HELLO"]).unwrap(),
        "NOAUTH HELLO must be called with the client already authenticated",
    );
    for request in [
        &["AUTH", "secret"][..],
        &["AUTH", "app", "alone"],
        &["AUTH", "nobody", "secret"],
        &["AUTH", "app", ""],
    ] {
        expect_error(
            &client.ask(request).unwrap(),
            "WRONGPASS invalid username-password pair or user is disabled.",
        );
    }
    expect_error(&client.ask(&["HELLO", "2", "AUTH", "app", "no"]).unwrap(), "WRONGPASS");
    expect_error(&client.ask(&["GET", "k"]).unwrap(), "NOAUTH");
    assert_eq!(client.ask(&["AUTH", "app", "secret"]).unwrap(), ok());
    assert_eq!(client.ask(&["SET", "k", "v"]).unwrap(), ok());
    let mut alone = stage.client();
    assert_eq!(alone.ask(&["AUTH", "alone"]).unwrap(), ok());
    assert_eq!(alone.ask(&["GET", "k"]).unwrap(), bulk("v"));
    // Both in one pipeline: what stands behind AUTH is allowed already.
    let mut quick = stage.client();
    let replies =
        quick.pipeline(&[vec!["GET", "k"], vec!["AUTH", "app", "secret"], vec!["GET", "k"]]).unwrap();
    expect_error(&replies[0], "NOAUTH");
    assert_eq!(replies[1..], [ok(), bulk("v")]);
    // A wrong password does not take away what was given before.
    expect_error(&quick.ask(&["AUTH", "app", "no"]).unwrap(), "WRONGPASS");
    assert_eq!(quick.ask(&["GET", "k"]).unwrap(), bulk("v"));
}

#[test]
fn hello_greets_authenticates_and_names_in_one() {
    let stage = Stage::start(Setting { tables: USERS.into(), ..Setting::default() });
    let mut client = stage.client();
    let hello = client.ask(&["HELLO", "2", "AUTH", "app", "secret", "SETNAME", "me"]).unwrap();
    let fields = hello.elements().unwrap();
    let field = |name: &str| {
        let at = fields
            .iter()
            .position(|f| f.text() == Some(name))
            .unwrap_or_else(|| panic!("{name}: {fields:?}"));
        &fields[at + 1]
    };
    assert_eq!(
        (field("proto"), field("mode"), field("role")),
        (&Value::Integer(2), &bulk("standalone"), &bulk("master"))
    );
    assert_eq!(client.ask(&["CLIENT", "GETNAME"]).unwrap(), bulk("me"));
    assert_eq!(Some(field("id")), client.ask(&["CLIENT", "ID"]).ok().as_ref());
    expect_error(&client.ask(&["HELLO", "4"]).unwrap(), "NOPROTO");
    assert_eq!(client.ask(&["SET", "k", "v"]).unwrap(), ok());
    assert_eq!(client.ask(&["CLIENT", "GETNAME"]).unwrap(), bulk("me"));
}

#[test]
fn a_listener_that_others_reach_is_refused_without_users() {
    let home = support::home();
    let port = home.port().unwrap();
    let toml = |more: &str| {
        format!(
            "[admin]\nlisten = \"\"\n[pool.main]\nlisten = \"0.0.0.0:{port}\"\n{more}\n\
             [[pool.main.shard]]\nname = \"a\"\nnodes = [\"127.0.0.1:1\"]\n"
        )
    };
    let file = support::write(&home, "open", &toml(""));
    let run = Command::new(KETCH).args(["run", "-c"]).arg(&file).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(78), "{said}");
    for part in
        ["X010", &format!("refusing to listen on 0.0.0.0:{port} without users"), "insecure = true", "user"]
    {
        assert!(said.contains(part), "{part} {said}");
    }
    // Either of what it proposes is enough.
    for more in ["insecure = true", USERS] {
        let _ketch = support::run(&home, if more == USERS { "users" } else { "insecure" }, &toml(more));
        let listens = || Client::connect(support::local(port), support::SOON).is_ok();
        wait_until(support::SOON, "it listens", listens).unwrap();
    }
}

fn with_password() -> NodeOptions {
    NodeOptions { password: Some("node-secret".into()), ..NodeOptions::default() }
}

#[test]
fn nodes_with_a_password_are_entered_and_clients_need_none() {
    let tables = "[pool.main.auth]\npassword = \"node-secret\"\n".to_owned();
    let stage =
        Stage::start(Setting { shards: 2, replicas: 1, node: with_password(), tables, ..Setting::default() });
    let keys = stage.key_each();
    let mut client = stage.client();
    assert_eq!(client.ask(&["MSET", &keys[0], "a", &keys[1], "b"]).unwrap(), ok());
    assert_eq!(client.ask(&["MGET", &keys[0], &keys[1]]).unwrap(), Value::Array(vec![bulk("a"), bulk("b")]));
    // A large value takes an upstream of its own, which has to get in as well.
    let large = "x".repeat(200_000);
    assert_eq!(client.ask(&["SET", &keys[0], &large]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", &keys[0]]).unwrap(), bulk(&large));
}

#[test]
fn nodes_with_users_of_their_own_are_entered_by_name() {
    let lines = vec!["user ketch on >node-secret ~* &* +@all".to_owned(), "user default off".to_owned()];
    // Such a node does not answer the laboratory's PING either: it gets its users once it runs.
    let setting = Setting {
        tables: "[pool.main.auth]\nusername = \"ketch\"\npassword = \"node-secret\"\n".into(),
        ..Setting::default()
    };
    let stage = Stage::without_waiting(setting, |shards| {
        let mut admin = shards[0][0].client().unwrap();
        for line in &lines {
            let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(line.split(' ').skip(1)).collect();
            assert_eq!(admin.ask(&words).unwrap(), ok());
        }
    });
    stage.wait_until_ready();
    assert_eq!(stage.client().ask(&["SET", "k", "v"]).unwrap(), ok());
}

#[test]
fn a_node_that_refuses_ketch_is_down_for_that_reason_and_clients_never_see_its_words() {
    for (given, options) in [("password = \"wrong\"", with_password()), ("", with_password())] {
        let setting = Setting {
            node: options,
            pool: "hold = \"500ms\"".into(),
            tables: format!("[pool.main.auth]\n{given}\n"),
            ..Setting::default()
        };
        let stage = Stage::without_waiting(setting, |_| {});
        let down = || stage.ketch().log().contains("refused");
        wait_until(support::SOON, "the log says why it is down", down).unwrap();
        assert!(!stage.ketch().log().contains("wrong"), "{}", stage.ketch().log());
        let mut client = stage.client();
        for request in [&["GET", "k"][..], &["SET", "k", "v"], &["DBSIZE"]] {
            let reply = client.ask(request).unwrap();
            expect_error(&reply, "SHARDDOWN");
            assert!(!error(&reply).contains("NOAUTH") && !error(&reply).contains("WRONGPASS"), "{reply:?}");
        }
        still_open(&mut client);
    }
}

#[test]
fn a_client_that_does_not_authenticate_or_falls_silent_is_closed_in_time() {
    let tables = format!("{USERS}[pool.main.timeouts]\nhandshake = \"1s\"\nclient_idle = \"3s\"\n");
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let (mut stranger, mut guest) = (stage.client(), stage.client());
    assert_eq!(guest.ask(&["AUTH", "alone"]).unwrap(), ok());
    expect_error(&stranger.ask(&["GET", "k"]).unwrap(), "NOAUTH");
    assert_eq!(stranger.read_to_end().unwrap(), b"");
    // Who has authenticated is still there, until it has said nothing for longer.
    still_open(&mut guest);
    assert_eq!(guest.read_to_end().unwrap(), b"");
}
