//! CLIENT is about Ketch's clients, whichever worker they are connected to: those of one pool are one Redis's.
//! Connections are dealt round robin to two workers, so neighbours are always on different ones.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use crate::support::{SOON, Setting, Stage, client, encode, expect_error, ok, still_open};

/// The lines of CLIENT LIST or INFO.
fn lines(client: &mut Client, request: &[&str]) -> Vec<String> {
    let text = client.ask(request).unwrap();
    text.text().unwrap_or_else(|| panic!("{text:?}")).lines().map(str::to_owned).collect()
}

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let value = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {line}"))
}

fn numbers(lines: &[String]) -> Vec<i64> {
    lines.iter().map(|line| field(line, "id").parse().unwrap()).collect()
}

fn number(client: &mut Client) -> i64 {
    client.ask(&["CLIENT", "ID"]).unwrap().number().unwrap()
}

fn count(n: i64) -> Value {
    Value::Integer(n)
}

/// It was closed from the other side, with nothing said before.
#[track_caller]
fn expect_closed(client: &mut Client) {
    assert_eq!(client.read_to_end().unwrap(), b"");
}

#[test]
fn client_list_shows_the_clients_of_all_workers_by_number() {
    let stage = Stage::shards(1);
    let clients: Vec<Client> = (0..5).map(|_| stage.client()).collect();
    // Numbers are given where clients are served: neighbours may be numbered either way.
    let mut numbered: Vec<(i64, Client)> = clients.into_iter().map(|mut c| (number(&mut c), c)).collect();
    numbered.sort_by_key(|(number, _)| *number);
    let mut clients: Vec<Client> = numbered.into_iter().map(|(_, client)| client).collect();
    let mine: Vec<i64> = clients.iter_mut().map(number).collect();
    assert_eq!(clients[1].ask(&["CLIENT", "SETNAME", "second"]).unwrap(), ok());
    assert_eq!(clients[1].ask(&["CLIENT", "SETINFO", "lib-name", "library"]).unwrap(), ok());
    for asker in [0, 3] {
        let all = lines(&mut clients[asker], &["CLIENT", "LIST"]);
        assert_eq!(numbers(&all), mine, "{all:#?}");
        assert_eq!(field(&all[1], "name"), "second");
        assert_eq!(field(&all[1], "lib-name"), "library");
        assert_eq!(field(&all[1], "cmd"), "client|setinfo");
        assert_eq!(field(&all[asker], "cmd"), "client|list");
        assert_eq!(field(&all[2], "cmd"), "client|id");
        let address = clients[2].stream().local_addr().unwrap().to_string();
        assert_eq!(field(&all[2], "addr"), address);
        assert_eq!(field(&all[2], "laddr"), stage.address().to_string());
    }
    let own = lines(&mut clients[4], &["CLIENT", "INFO"]);
    assert_eq!((numbers(&own), field(&own[0], "cmd")), (vec![mine[4]], "client|info"));
    let [a, b] = [mine[3].to_string(), mine[0].to_string()];
    let some = lines(&mut clients[4], &["CLIENT", "LIST", "ID", &a, "999999", &b]);
    assert_eq!(numbers(&some), [mine[3], mine[0]], "as they were asked for");
    assert_eq!(numbers(&lines(&mut clients[4], &["CLIENT", "LIST", "TYPE", "normal"])), mine);
    assert!(lines(&mut clients[4], &["CLIENT", "LIST", "TYPE", "replica"]).is_empty());
}

/// The names of the fields before the first that Redis 7.0 has not.
fn fields(line: &str) -> Vec<String> {
    line.split(' ').filter_map(|field| Some(field.split_once('=')?.0.to_owned())).collect()
}

#[test]
fn a_line_begins_with_the_fields_of_a_redis_in_their_order() {
    let stage = Stage::shards(1);
    let wanted = fields(&lines(&mut client(stage.primary(0).address()), &["CLIENT", "INFO"])[0]);
    let shown = fields(&lines(&mut stage.client(), &["CLIENT", "INFO"])[0]);
    assert_eq!(shown[..wanted.len()], wanted);
}

#[test]
fn mistakes_are_answered_as_redis_answers_them() {
    let stage = Stage::shards(1);
    let (mut node, mut ketch) = (client(stage.primary(0).address()), stage.client());
    for request in [
        "CLIENT LIST foo",
        "CLIENT LIST TYPE",
        "CLIENT LIST TYPE x",
        "CLIENT LIST ID",
        "CLIENT LIST ID x",
        "CLIENT LIST ID 1 x",
        "CLIENT LIST ID 999999",
        "CLIENT KILL",
        "CLIENT KILL 1.2.3.4:5",
        "CLIENT KILL ID 0",
        "CLIENT KILL ID x",
        "CLIENT KILL ID 999999",
        "CLIENT KILL ID 999998 ID 999999",
        "CLIENT KILL TYPE foo",
        "CLIENT KILL TYPE master",
        "CLIENT KILL TYPE slave",
        "CLIENT KILL USER nobody",
        "CLIENT KILL ADDR 1.2.3.4:5 SKIPME maybe",
        "CLIENT KILL foo bar",
        "CLIENT KILL ADDR 1:1 ID",
        "CLIENT KILL LADDR 1:1",
        "CLIENT REPLY foo",
        "CLIENT REPLY ON",
        "CLIENT PAUSE x",
        "CLIENT PAUSE 1.5",
        "CLIENT PAUSE -1",
        "CLIENT PAUSE 0",
        "CLIENT PAUSE 10 foo",
        "CLIENT PAUSE 0 WRITE more",
        "CLIENT UNPAUSE",
        "CLIENT UNPAUSE now",
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 999999",
        "CLIENT UNBLOCK 999999 ERROR",
        "CLIENT UNBLOCK 999999 foo",
        "CLIENT UNBLOCK 999999 ERROR more",
        "CLIENT NO-EVICT foo",
        "CLIENT NO-EVICT on",
        "CLIENT NO-EVICT off",
        "CLIENT GETREDIR",
    ] {
        let words: Vec<&str> = request.split(' ').collect();
        assert_eq!(ketch.ask(&words).unwrap(), node.ask(&words).unwrap(), "{request}");
    }
}

#[test]
fn client_kill_closes_clients_of_any_worker() {
    let stage = Stage::shards(1);
    let mut killer = stage.client();
    let mut victims: Vec<Client> = (0..8).map(|_| stage.client()).collect();
    let ids: Vec<String> = victims.iter_mut().map(|victim| number(victim).to_string()).collect();
    let address = |n: usize| victims[n].stream().local_addr().unwrap().to_string();
    let addresses: Vec<String> = (0..victims.len()).map(address).collect();
    for (n, request) in [
        (0, vec!["CLIENT", "KILL", "ID", &ids[0]]),
        (1, vec!["CLIENT", "KILL", "ADDR", &addresses[1]]),
        (
            2,
            vec!["CLIENT", "KILL", "ID", &ids[2], "ADDR", &addresses[2], "TYPE", "normal", "USER", "default"],
        ),
    ] {
        assert_eq!(killer.ask(&request).unwrap(), count(1), "{request:?}");
        assert_eq!(killer.ask(&request).unwrap(), count(0), "{request:?}");
        expect_closed(&mut victims[n]);
    }
    assert_eq!(killer.ask(&["CLIENT", "KILL", "ID", &ids[3], "ADDR", &addresses[4]]).unwrap(), count(0));
    assert_eq!(killer.ask(&["CLIENT", "KILL", &addresses[3]]).unwrap(), ok());
    expect_closed(&mut victims[3]);
    expect_error(&killer.ask(&["CLIENT", "KILL", &addresses[3]]).unwrap(), "ERR No such client");
    assert_eq!(killer.ask(&["CLIENT", "KILL", "LADDR", &stage.address().to_string()]).unwrap(), count(4));
    victims[4..].iter_mut().for_each(expect_closed);
    still_open(&mut killer);
}

#[test]
fn a_client_that_closes_itself_gets_its_answer_first() {
    let stage = Stage::shards(1);
    let mut other = stage.client();
    for last in [vec!["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no", "ADDR"], vec!["CLIENT", "KILL"]] {
        let mut client = stage.client();
        let address = client.stream().local_addr().unwrap().to_string();
        let mut request = last.clone();
        request.push(&address);
        let mut bytes = encode(&["ECHO", "x"]);
        bytes.extend(encode(&request));
        bytes.extend(encode(&["PING"]));
        client.send_raw(&bytes).unwrap();
        let answer = if last.len() == 2 { "+OK" } else { ":1" };
        let all = client.read_to_end().unwrap();
        assert_eq!(String::from_utf8(all).unwrap(), format!("$1\r\nx\r\n{answer}\r\n"));
    }
    still_open(&mut other);
}

#[test]
fn clients_of_another_pool_are_another_redis_s() {
    let tables = |port: u16, node: &str| {
        format!(
            "[pool.other]\nlisten = \"127.0.0.1:{port}\"\n[[pool.other.shard]]\nname = \"o\"\nnodes = [\"{node}\"]\n"
        )
    };
    let home = crate::support::home();
    let port = home.port().unwrap();
    // A node that is not there: nothing is asked of it.
    let tables = tables(port, &format!("127.0.0.1:{}", home.port().unwrap()));
    let stage = Stage::without_waiting(Setting { tables, ..Setting::default() }, |_| {});
    let up = || Client::connect(crate::support::local(port), SOON).is_ok();
    wait_until(SOON, "the other pool's listener is there", up).unwrap();
    let mut others: Vec<Client> = (0..2).map(|_| client(crate::support::local(port))).collect();
    let mut mine: Vec<Client> = (0..2).map(|_| stage.client()).collect();
    let ids: Vec<i64> = mine.iter_mut().map(number).collect();
    let mut listed = numbers(&lines(&mut mine[0], &["CLIENT", "LIST"]));
    listed.sort_by_key(|id| ids.iter().position(|mine| mine == id));
    assert_eq!(listed, ids);
    assert_eq!(mine[0].ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap(), count(1));
    others.iter_mut().for_each(still_open);
    assert_eq!(mine[0].ask(&["CLIENT", "PAUSE", "10000000"]).unwrap(), ok());
    others.iter_mut().for_each(still_open);
}

#[test]
fn paused_writes_of_all_workers_wait_and_reads_do_not() {
    let stage = Stage::shards(2);
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let keys = stage.key_each();
    assert_eq!(clients[0].ask(&["CLIENT", "PAUSE", "600000", "WRITE"]).unwrap(), ok());
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&["SET", &keys[n % 2], "new"]).unwrap();
    }
    let mut reader = stage.client();
    let waits = |line: &String| field(line, "flags") == "b";
    let all_wait = || {
        let mut reader = stage.client();
        lines(&mut reader, &["CLIENT", "LIST"]).iter().filter(|line| waits(line)).count() == 4
    };
    wait_until(SOON, "four clients wait", all_wait).unwrap();
    for key in &keys {
        assert_eq!(reader.ask(&["GET", key]).unwrap(), Value::Nil, "nothing was written");
    }
    // What is wrong in itself is told at once.
    expect_error(&reader.ask(&["SET", "a"]).unwrap(), "ERR wrong number of arguments for 'set' command");
    assert_eq!(reader.ask(&["CLIENT", "UNPAUSE"]).unwrap(), ok());
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), ok());
    }
    assert_eq!(reader.ask(&["GET", &keys[0]]).unwrap().text(), Some("new"));
}

#[test]
fn a_pause_ends_by_itself_and_is_longer_than_hold() {
    let pool = "hold = \"300ms\"".to_owned();
    let stage = Stage::start(Setting { pool, ..Setting::default() });
    let [mut a, mut b] = [stage.client(), stage.client()];
    let begun = Instant::now();
    assert_eq!(a.ask(&["CLIENT", "PAUSE", "1500"]).unwrap(), ok());
    // A shorter one changes nothing.
    assert_eq!(a.ask(&["CLIENT", "PAUSE", "1", "WRITE"]).unwrap(), ok());
    b.send(&["GET", "k"]).unwrap();
    a.send_raw(&[encode(&["SET", "k", "1"]), encode(&["PING"])].concat()).unwrap();
    assert_eq!(a.read().unwrap(), ok());
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    still_open_after(&mut a);
    assert!(matches!(b.read().unwrap(), Value::Nil | Value::Bulk(_)));
}

/// The PONG that is still owed, and one more.
fn still_open_after(client: &mut Client) {
    assert_eq!(client.read().unwrap().text(), Some("PONG"));
    still_open(client);
}

#[test]
fn a_large_value_waits_for_the_end_of_a_pause_too() {
    let stage = Stage::shards(1);
    let [mut a, mut b] = [stage.client(), stage.client()];
    assert_eq!(a.ask(&["CLIENT", "PAUSE", "600000", "WRITE"]).unwrap(), ok());
    let value = vec![b'x'; 300_000];
    b.send::<&[u8]>(&[b"SET", b"k", &value]).unwrap();
    sleep(Duration::from_millis(200));
    assert_eq!(a.ask(&["EXISTS", "k"]).unwrap(), count(0));
    assert_eq!(a.ask(&["CLIENT", "UNPAUSE"]).unwrap(), ok());
    assert_eq!(b.read().unwrap(), ok());
    assert_eq!(a.ask(&["STRLEN", "k"]).unwrap(), count(300_000));
}

#[test]
fn client_reply_says_which_replies_leave_and_no_other_client_is_touched() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let [mut quiet, mut other] = [stage.client(), stage.client()];
    let value = "v".repeat(200_000);
    let mut bytes = Vec::new();
    for request in [
        vec!["CLIENT", "REPLY", "SKIP"],
        vec!["SET", &keys[0], &value],
        vec!["ECHO", "heard"],
        vec!["CLIENT", "REPLY", "OFF"],
        vec!["GET", &keys[0]],
        vec!["MGET", &keys[0], &keys[1]],
        vec!["NOSUCH"],
        vec!["CLIENT", "LIST"],
        vec!["CLIENT", "REPLY", "SKIP"],
        vec!["SET", &keys[1], "1"],
        vec!["CLIENT", "REPLY", "ON"],
        vec!["INCR", &keys[1]],
        vec!["CLIENT", "REPLY", "SKIP"],
        vec!["CLIENT", "REPLY", "ON"],
        vec!["CLIENT", "REPLY", "SKIP"],
        vec!["CLIENT", "REPLY", "SKIP"],
        vec!["INCR", &keys[1]],
        vec!["INCR", &keys[1]],
    ] {
        bytes.extend(encode(&request));
    }
    quiet.send_raw(&bytes).unwrap();
    assert_eq!(quiet.read().unwrap().text(), Some("heard"));
    let replies: Vec<Value> = (0..4).map(|_| quiet.read().unwrap()).collect();
    assert_eq!(replies, [ok(), count(2), ok(), count(4)]);
    still_open(&mut quiet);
    assert_eq!(other.ask(&["STRLEN", &keys[0]]).unwrap(), count(200_000));
}

#[test]
fn a_client_that_wants_no_replies_may_send_as_many_requests_as_it_likes() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    client.send(&["CLIENT", "REPLY", "OFF"]).unwrap();
    let request: Vec<u8> = (0..2000).flat_map(|n| encode(&["INCR", &format!("k{}", n % 10)])).collect();
    (0..20).for_each(|_| client.send_raw(&request).unwrap());
    client.send(&["CLIENT", "REPLY", "ON"]).unwrap();
    assert_eq!(client.read().unwrap(), ok());
    assert_eq!(client.ask(&["GET", "k3"]).unwrap().number(), Some(4000));
}

#[test]
fn wishes_are_shown_in_the_flags() {
    let stage = Stage::shards(1);
    let mut client = stage.client();
    assert_eq!(client.ask(&["CLIENT", "NO-EVICT", "ON"]).unwrap(), ok());
    assert_eq!(client.ask(&["CLIENT", "NO-TOUCH", "on"]).unwrap(), ok());
    assert_eq!(field(&lines(&mut client, &["CLIENT", "INFO"])[0], "flags"), "eT");
    assert_eq!(client.ask(&["CLIENT", "NO-EVICT", "OFF"]).unwrap(), ok());
    assert_eq!(field(&lines(&mut client, &["CLIENT", "INFO"])[0], "flags"), "T");
}

#[test]
fn what_a_client_is_in_is_shown_to_others() {
    let stage = Stage::shards(1);
    let [mut looks, mut queues, mut blocks] = [stage.client(), stage.client(), stage.client()];
    let ids = [number(&mut queues).to_string(), number(&mut blocks).to_string()];
    for request in [&["MULTI"][..], &["SET", "k", "1"], &["INCR", "k"]] {
        queues.ask(request).unwrap();
    }
    blocks.send(&["BLPOP", "list", "0"]).unwrap();
    let mut of = |id: &str, name: &str| {
        let line = lines(&mut looks, &["CLIENT", "LIST", "ID", id]).remove(0);
        field(&line, name).to_owned()
    };
    assert_eq!([of(&ids[0], "flags"), of(&ids[0], "multi")], ["x", "2"]);
    assert_eq!(of(&ids[1], "multi"), "-1");
    let mut waits = || of(&ids[1], "flags") == "b" && of(&ids[1], "cmd") == "blpop";
    let until = Instant::now() + SOON;
    while !waits() {
        assert!(Instant::now() < until, "it never blocks");
    }
    assert_eq!(looks.ask(&["CLIENT", "UNBLOCK", &ids[1]]).unwrap(), count(1));
    assert_eq!(blocks.read().unwrap(), Value::Nil);
    assert_eq!(looks.ask(&["CLIENT", "UNBLOCK", &ids[1]]).unwrap(), count(0));
}
