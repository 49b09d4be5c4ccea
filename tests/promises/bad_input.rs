//! What is no request, or none that can be done: Redis's own texts, the limits' names, and nobody but
//! the client concerned notices.

use std::io;

use ketch::internals::lab::{Client, NodeOptions, Program, Server, wait_until};
use ketch::internals::resp::Value;

use super::support::{
    Setting, Stage, bulk, client, encode, error, expect_error, http, noise, ok, still_open,
};

/// Sends bytes and gives what comes until the peer closes.
fn last_words(mut client: Client, bytes: &[u8]) -> io::Result<Vec<u8>> {
    // The peer may close before it has read all.
    let _ = client.send_raw(bytes);
    client.read_to_end()
}

/// A pipeline of a client that did nothing wrong.
#[track_caller]
fn expect_undisturbed(neighbours: &mut [Client], keys: &[String]) {
    for client in neighbours {
        let requests: Vec<Vec<&str>> =
            keys.iter().flat_map(|key| [vec!["SET", key, key], vec!["GET", key]]).collect();
        let due: Vec<Value> = keys.iter().flat_map(|key| [ok(), bulk(key)]).collect();
        assert_eq!(client.pipeline(&requests).unwrap(), due);
    }
}

fn long(head: &str) -> Vec<u8> {
    [head.as_bytes(), &b"1".repeat(70_000)].concat()
}

#[test]
fn protocol_errors_have_redis_s_texts_behind_the_replies_that_are_owed() {
    let stage = Stage::shards(2);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    let keys = stage.key_each();
    let mut neighbours = [stage.client(), stage.client()];
    let owed = [
        encode(&["SET", &keys[0], "0"]),
        encode(&["SET", &keys[1], "1"]),
        encode(&["GET", &keys[0]]),
        b"PING\r\n".to_vec(),
        encode(&["GET", &keys[1]]),
    ]
    .concat();
    for garbage in [
        b"*1\r\n:1\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\nfoo\r\n".to_vec(),
        b"*1\r\n\r\n".to_vec(),
        b"*3000000000\r\n".to_vec(),
        b"*abc\r\n".to_vec(),
        b"*1\r\n$-1\r\n".to_vec(),
        b"*1\r\n$abc\r\n".to_vec(),
        b"*1\r\n$99999999999\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$-5\r\n".to_vec(),
        b"SET k \"unbalanced\r\n".to_vec(),
        b"GET 'a'b\r\n".to_vec(),
        long("GET "),
        long("*"),
        long("*1\r\n$"),
        b"*-1\r\n*0\r\n\r\n*1\r\n+PING\r\n".to_vec(),
    ] {
        let bytes = [&owed[..], &garbage].concat();
        let theirs = last_words(alone.client().unwrap(), &bytes).unwrap();
        let ours = last_words(stage.client(), &bytes).unwrap();
        let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(show(&ours), show(&theirs), "{}", show(&garbage[..garbage.len().min(40)]));
        expect_undisturbed(&mut neighbours, &keys);
    }
}

#[test]
fn nothing_that_is_sent_disturbs_another_client() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let mut neighbours = [stage.client(), stage.client()];
    let large = format!("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n$100000\r\nxx", keys[0].len(), keys[0]);
    let mut kinds: Vec<Vec<u8>> = vec![
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
        // The beginning of a TLS handshake.
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &noise(506, 1)].concat(),
        vec![0; 100_000],
        b"\r\n".repeat(50_000),
        b"*1\r\n".repeat(50_000),
        b"*1048576\r\n$0\r\n\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc".to_vec(),
        large.into_bytes(),
        b"$5\r\nhello\r\n+OK\r\n:1\r\n-ERR\r\n_\r\n%1\r\n>2\r\n".to_vec(),
        encode(&["SET", &keys[0], "v"])[..20].to_vec(),
        encode(&["GET", "k\r\n$-1\r\n", "+OK\r\n"]),
    ];
    kinds.extend((0..20).map(|seed| noise(3_000, seed)));
    for bytes in &kinds {
        for keep in [true, false] {
            let mut client = stage.client();
            let _ = client.send_raw(bytes);
            if keep {
                let _ = client.stream().shutdown(std::net::Shutdown::Write);
                // It comes to an end, whatever was said.
                let end = client.read_to_end();
                let reset = end.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset);
                assert!(end.is_ok() || reset, "{}: {end:?}", bytes[..bytes.len().min(40)].escape_ascii());
            }
            drop(client);
            expect_undisturbed(&mut neighbours, &keys);
        }
    }
}

#[test]
fn unknown_commands_and_wrong_numbers_of_arguments_have_redis_s_texts_and_the_client_stays() {
    let stage = Stage::shards(2);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    let (mut ketch, mut redis) = (stage.client(), alone.client().unwrap());
    let long = "x".repeat(200);
    for request in [
        &["FOO"][..],
        &["foo", "a", "b c"],
        &["GETS", &long, &long],
        &[&long, "a"],
        &["GET"],
        &["get", "a", "b"],
        &["SET", "a"],
        &["MGET"],
        &["MSET", "a"],
        &["MSET", "a", "1", "b"],
        &["DEL"],
        &["EXISTS"],
        &["PING", "a", "b"],
        &["ECHO"],
        &["CONFIG"],
        &["CONFIG", "GET"],
        &["CONFIG", "NOPE"],
        &["CLIENT", "NOPE", "x"],
        &["OBJECT", "ENCODING"],
        &["OBJECT", "NOPE", "x"],
        &["XADD", "k"],
        &["EVAL", "return 1"],
        &["EVAL", "return 1", "x"],
        &["EVAL", "return 1", "2", "a"],
        &["ZUNIONSTORE", "a", "0", "b"],
        &["LMPOP", "0", "k", "LEFT"],
    ] {
        let (ours, theirs) = (ketch.ask(request).unwrap(), redis.ask(request).unwrap());
        assert!(matches!(theirs, Value::Error(_)), "{request:?} {theirs:?}");
        assert_eq!(ours, theirs, "{request:?}");
        still_open(&mut ketch);
    }
}

#[test]
fn what_is_not_there_yet_and_what_is_never_forwarded_says_so_and_the_client_stays() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    for request in [
        &["MONITOR"][..],
        &["CLIENT", "TRACKING", "ON"],
        &["SHUTDOWN"],
        &["SHUTDOWN", "NOSAVE"],
        &["DEBUG", "SLEEP", "1"],
        &["REPLICAOF", "NO", "ONE"],
        &["SLAVEOF", "127.0.0.1", "1"],
        &["FAILOVER"],
        &["SYNC"],
        &["PSYNC", "?", "-1"],
        &["MODULE", "LOAD", "/x"],
        &["CONFIG", "REWRITE"],
        &["ACL", "SETUSER", "x"],
        &["SENTINEL", "FAILOVER", "x"],
        &["REPLCONF", "ACK", "0"],
    ] {
        let reply = client.ask(request).unwrap();
        let name = request[0].to_lowercase();
        let text = error(&reply);
        assert!(text.starts_with("ERR ") && text.to_lowercase().contains(&name), "{request:?}: {text}");
        still_open(&mut client);
    }
    // Cluster clients look for these words, and then take what answers for one server.
    for request in [&["ASKING"][..], &["CLUSTER", "SLOTS"], &["CLUSTER", "INFO"], &["READONLY"]] {
        let reply = client.ask(request).unwrap();
        assert_eq!(error(&reply), "ERR This instance has cluster support disabled", "{request:?}");
        still_open(&mut client);
    }
    for shard in 0..2 {
        assert!(stage.primary(shard).says_master());
    }
}

#[test]
fn limits_are_kept_and_named() {
    let tables = "[pool.main.limits]\nmax_inline = \"1KiB\"\nmax_args = 10\nmax_request = \"1MiB\"\n";
    let stage = Stage::start(Setting { tables: tables.into(), ..Setting::default() });
    let mut neighbours = [stage.client()];
    let keys = stage.keys_on(0, 3);
    let ten: Vec<&str> = ["DEL"].into_iter().chain(["k"; 9]).collect();
    assert_eq!(stage.client().ask(&ten).unwrap(), Value::Integer(0));
    let eleven: Vec<&str> = ["DEL"].into_iter().chain(["k"; 10]).collect();
    let inline = format!("GET {}", "k".repeat(2000));
    let half = "v".repeat(600_000);
    for (bytes, begins, name) in [
        (encode(&eleven), "-ERR Protocol error: invalid multibulk length", "max_args"),
        (inline.into_bytes(), "-ERR Protocol error: too big inline request", "max_inline"),
        // As far as it goes before it is refused: who sends on may find the connection reset.
        (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n".to_vec(), "-ERR ", "max_request"),
        (
            format!("*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$600000\r\n{half}\r\n$1\r\nb\r\n$600000\r\n")
                .into_bytes(),
            "-ERR ",
            "max_request",
        ),
    ] {
        let end = last_words(stage.client(), &[&b"PING\r\n"[..], &bytes].concat());
        let said = String::from_utf8(end.unwrap()).unwrap();
        let refusal = said.strip_prefix("+PONG\r\n").unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(refusal.starts_with(begins) && refusal.contains(name), "{name}: {refusal}");
        expect_undisturbed(&mut neighbours, &keys);
    }
}

#[test]
fn one_client_too_many_is_told_so_and_another_may_come_when_one_has_gone() {
    let tables = "[pool.main.limits]\nmax_clients = 3\n";
    let stage = Stage::start(Setting { tables: tables.into(), ..Setting::default() });
    let mut clients: Vec<Client> = (0..3).map(|_| stage.client()).collect();
    clients.iter_mut().for_each(still_open);
    for _ in 0..4 {
        let said = stage.client().read_to_end().unwrap();
        assert_eq!(said, b"-ERR max number of clients reached\r\n");
    }
    clients.iter_mut().for_each(still_open);
    clients.pop();
    let free = || stage.client().ask(&["PING"]).is_ok_and(|reply| reply.text() == Some("PONG"));
    wait_until(super::support::SOON, "a place is free", free).unwrap();
}

#[test]
fn before_authentication_requests_are_small() {
    let tables = "[[pool.main.user]]\nname = \"default\"\npassword = \"secret\"\n";
    let stage = Stage::start(Setting { tables: tables.into(), ..Setting::default() });
    let options = NodeOptions { password: Some("secret".into()), ..NodeOptions::default() };
    let alone = Server::start(stage.home(), &Program::redis().unwrap(), "alone", &options).unwrap();
    for (bytes, text) in [
        (b"*11\r\n".to_vec(), "unauthenticated multibulk length"),
        (b"*2\r\n$16385\r\n".to_vec(), "unauthenticated bulk length"),
        ([&b"PING\r\n"[..], b"*2\r\n$4\r\nAUTH\r\n$100000\r\n"].concat(), "unauthenticated bulk length"),
    ] {
        let ours = last_words(client(stage.address()), &bytes).unwrap();
        assert_eq!(ours, last_words(client(alone.address()), &bytes).unwrap());
        assert!(String::from_utf8(ours).unwrap().contains(text));
    }
    let mut authenticated = stage.client();
    assert_eq!(authenticated.ask(&["AUTH", "secret"]).unwrap(), ok());
    let eleven: Vec<&str> = ["DEL"].into_iter().chain(["k"; 10]).collect();
    assert_eq!(authenticated.ask(&eleven).unwrap(), Value::Integer(0));
    assert_eq!(authenticated.ask(&["SET", "k", &"v".repeat(100_000)]).unwrap(), ok());
    expect_error(&stage.client().ask(&["GET", "k"]).unwrap(), "NOAUTH");
}

#[test]
fn a_web_page_cannot_make_a_browser_send_commands() {
    let stage = Stage::shards(1);
    stage.client().ask(&["SET", "k", "v"]).unwrap();
    let text = "-ERR Protocol error: this is HTTP, which the admin address speaks\r\n";
    for head in ["POST / HTTP/1.1", "post", "PING\r\nHost: localhost"] {
        let bytes = format!("{head}\r\nX: y\r\n\r\nDEL k\r\n");
        let said = String::from_utf8(last_words(stage.client(), bytes.as_bytes()).unwrap()).unwrap();
        assert!(said.ends_with(text), "{head}: {said}");
    }
    assert_eq!(stage.client().ask(&["GET", "k"]).unwrap(), bulk("v"));
}

#[test]
fn each_error_that_a_client_gets_is_counted_by_its_code() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let keys = stage.key_each();
    client.ask(&["RPUSH", &keys[0], "x"]).unwrap();
    for request in [
        &["GET", &keys[0]][..],
        &["RENAME", &keys[0], &keys[1]],
        &["EXEC"],
        &["NOSUCH"],
        &["GET"],
        &["SELECT", "99"],
        &["HELLO", "9"],
    ] {
        error(&client.ask(request).unwrap());
    }
    last_words(stage.client(), b"*x\r\n").unwrap();
    let metrics = http(stage.admin(), "/metrics").unwrap();
    for (code, count) in [("WRONGTYPE", 1), ("CROSSSLOT", 1), ("ERR", 5), ("NOPROTO", 1)] {
        let line = format!("ketch_command_errors_total{{pool=\"main\",code=\"{code}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    let info = client.ask(&["INFO", "stats"]).unwrap();
    let Value::Bulk(info) = info else { panic!("{info:?}") };
    assert!(String::from_utf8(info).unwrap().contains("total_error_replies:8\r\n"));
}
