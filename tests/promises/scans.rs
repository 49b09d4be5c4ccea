//! SCAN, HSCAN, SSCAN and ZSCAN: whatever was there from the beginning to the end is shown, over shards, over
//! failovers, at another Ketch.

use std::collections::BTreeSet;

use ketch::internals::lab::{Client, Group, Home, NodeOptions, Options, Program, Server, wait_until};
use ketch::internals::resp::Value;

use crate::rig::{KETCH, Ketch, SOON, prefixes};
use crate::support::{Setting, Stage, bulk, error, still_open};

/// The largest number that every client can hold.
const SAFE: u64 = 1 << 53;

/// One page: its cursor and what it shows.
#[track_caller]
fn page(client: &mut Client, request: &[&str]) -> (String, Vec<String>) {
    let reply = client.ask(request).unwrap();
    let Some([cursor, found]) = reply.elements() else { panic!("{request:?}: no page: {reply:?}") };
    let text = |value: &Value| value.text().unwrap().to_owned();
    (text(cursor), found.elements().unwrap().iter().map(text).collect())
}

/// From a cursor to the end; at most so many pages.
#[track_caller]
fn rest(
    client: &mut Client,
    command: &[&str],
    mut cursor: String,
    options: &[&str],
    pages: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..pages {
        let (next, found) = page(client, &[command, &[&cursor], options].concat());
        let number: u64 = next.parse().unwrap();
        assert!(number < SAFE && number.to_string() == next, "{next}");
        all.extend(found);
        if next == "0" {
            return all;
        }
        cursor = next;
    }
    panic!("no end after {pages} pages");
}

fn scan(client: &mut Client, options: &[&str]) -> Vec<String> {
    rest(client, &["SCAN"], "0".into(), options, 10_000)
}

fn fill(client: &mut Client, keys: &[String]) {
    for some in keys.chunks(500) {
        let mut request = vec!["MSET".to_owned()];
        some.iter().for_each(|key| request.extend([key.clone(), "v".into()]));
        assert_eq!(client.ask(&request).unwrap(), Value::Simple("OK".into()));
    }
}

fn set(keys: Vec<String>) -> BTreeSet<String> {
    keys.into_iter().collect()
}

#[test]
fn a_scan_shows_the_keys_of_every_shard_and_takes_its_options() {
    for shards in [1, 3] {
        let stage = Stage::shards(shards);
        let mut client = stage.client();
        let keys: Vec<String> = (0..3000).map(|n| format!("key:{n}")).collect();
        fill(&mut client, &keys);
        client.ask(&["RPUSH", "a list", "x"]).unwrap();
        let all: BTreeSet<String> = keys.iter().cloned().chain(["a list".into()]).collect();
        for options in [&[][..], &["COUNT", "1"], &["COUNT", "100"], &["COUNT", "100000"]] {
            let found = scan(&mut client, options);
            // Nothing is rehashed meanwhile, so that nothing comes twice.
            assert_eq!((found.len(), set(found)), (3001, all.clone()), "{shards} shards, {options:?}");
        }
        let fits: BTreeSet<String> = all.iter().filter(|key| key.starts_with("key:7")).cloned().collect();
        assert_eq!(set(scan(&mut client, &["MATCH", "key:7*", "COUNT", "50"])), fits);
        assert_eq!(scan(&mut client, &["TYPE", "list"]), ["a list"]);
    }
}

#[test]
fn elements_of_a_large_key_are_shown_as_its_node_shows_them() {
    let stage = Stage::start(Setting {
        shards: 2,
        replicas: 1,
        listeners: vec!["reads = \"any\""],
        ..Setting::default()
    });
    let mut client = stage.client();
    let names: Vec<String> = (0..2000).map(|n| format!("m{n}")).collect();
    let key = stage.keys_on(1, 1).remove(0);
    for (add, scan, each) in [("SADD", "SSCAN", 1), ("HSET", "HSCAN", 2), ("ZADD", "ZSCAN", 2)] {
        client.ask(&["DEL", &key]).unwrap();
        let mut request = vec![add.to_owned(), key.clone()];
        for (n, name) in names.iter().enumerate() {
            let mut words = match add {
                "SADD" => vec![name.clone()],
                "HSET" => vec![name.clone(), "v".into()],
                _ => vec![n.to_string(), name.clone()],
            };
            request.append(&mut words);
        }
        assert_eq!(client.ask(&request).unwrap(), Value::Integer(2000));
        let found = rest(&mut client, &[scan, &key], "0".into(), &["COUNT", "20"], 1000);
        assert_eq!(found.len(), 2000 * each, "{scan}");
        let shown: BTreeSet<String> = found.into_iter().step_by(each).collect();
        assert_eq!(shown, names.iter().cloned().collect(), "{scan}");
    }
}

#[test]
fn scans_in_a_block_have_the_same_cursors() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let key = stage.keys_on(1, 1).remove(0);
    let members: Vec<String> = (0..2000).map(|n| format!("m{n}")).collect();
    client.ask(&[&["SADD".to_owned(), key.clone()], &members[..]].concat()).unwrap();
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    for round in 0.. {
        let request = ["SSCAN", &key, &cursor, "COUNT", "50"];
        let (next, some) = if round % 2 == 0 {
            page(&mut client, &request)
        } else {
            client.pipeline(&[vec!["MULTI"], vec!["PING"], request.to_vec()]).unwrap();
            let reply = client.ask(&["EXEC"]).unwrap();
            let [_, reply] = reply.elements().unwrap() else { panic!("{reply:?}") };
            let [next, some] = reply.elements().unwrap() else { panic!("{reply:?}") };
            let text = |value: &Value| value.text().unwrap().to_owned();
            (text(next), some.elements().unwrap().iter().map(text).collect())
        };
        found.extend(some);
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((found.len(), set(found)), (2000, members.into_iter().collect()));
    // The keys of one shard can be shown in a block as well; an error there is the node's own.
    client.ask(&["MULTI"]).unwrap();
    assert_eq!(client.ask(&["SCAN", "0", "COUNT", "nonsense"]).unwrap(), Value::Simple("QUEUED".into()));
    let reply = client.ask(&["EXEC"]).unwrap();
    assert_eq!(error(&reply.elements().unwrap()[0]), "ERR value is not an integer or out of range");
}

#[test]
fn what_is_no_cursor_is_called_so_as_redis_does() {
    let stage = Stage::shards(1);
    let redis = stage.primary(0);
    redis.ask(&["SET", "text", "v"]).unwrap();
    let mut client = stage.client();
    for request in [
        &["SCAN", "x"][..],
        &["SCAN", " 0"],
        &["SCAN", "0 "],
        &["SCAN", "0x0"],
        &["SCAN", "18446744073709551616"],
        &["SCAN", "x", "COUNT", "0"],
        &["SCAN", "0", "COUNT", "0"],
        &["SCAN", "0", "COUNT", "x"],
        &["SCAN", "0", "nonsense"],
        &["SCAN", ""],
        &["SCAN", "+0"],
        &["SCAN", "-0", "MATCH", "*"],
        &["SCAN", "000"],
        &["SCAN"],
        &["HSCAN", "none", "x"],
        &["HSCAN", "text", "x"],
        &["HSCAN", "text", "0"],
        &["HSCAN", "none", "0"],
        &["ZSCAN", "none"],
        &["SSCAN", "none", "0", "COUNT"],
    ] {
        let (ours, theirs) = (client.ask(request).unwrap(), redis.ask(request).unwrap());
        assert_eq!(ours, theirs, "{request:?}");
    }
    // Any number is taken, as by Redis; from what nobody gave out the shard begins anew.
    let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    fill(&mut client, &keys);
    for cursor in ["5", "123456789012", "18446744073709551615"] {
        let found = set(rest(&mut client, &["SCAN"], cursor.into(), &[], 100));
        assert!(keys.iter().all(|key| found.contains(key)), "{cursor}");
    }
    still_open(&mut client);
}

#[test]
fn a_cursor_is_good_at_another_ketch_and_after_a_restart_of_the_node() {
    let home = Home::new(KETCH.as_ref()).unwrap();
    let program = Program::redis().unwrap();
    let node = |n| Server::start(&home, &program, &format!("node{n}"), &NodeOptions::default()).unwrap();
    let nodes: Vec<Server> = (0..2).map(node).collect();
    let others = Home::new(KETCH.as_ref()).unwrap();
    let (first, second) = (Ketch::of_nodes(&home, &nodes), Ketch::of_nodes(&others, &nodes));
    let (mut here, mut there) = (first.client(), second.client());
    let keys: Vec<String> = (0..4000).map(|n| format!("key:{n}")).collect();
    fill(&mut here, &keys);
    // Turn and turn about: each key once, so no shard began anew.
    let (mut cursor, mut found, mut pages) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let client = if pages % 2 == 0 { &mut here } else { &mut there };
        let (next, some) = page(client, &["SCAN", &cursor, "COUNT", "100"]);
        found.extend(some);
        cursor = next;
        pages += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!((found.len(), set(found)), (4000, keys.iter().cloned().collect()));

    let (cursor, mut found) = page(&mut here, &["SCAN", "0", "COUNT", "1000"]);
    assert!(found.len() < 2000);
    let killed = &nodes[0];
    killed.ask(&["SAVE"]).unwrap();
    killed.kill();
    killed.restart().unwrap();
    first.wait_until_whole(2);
    found.extend(rest(&mut here, &["SCAN"], cursor, &["COUNT", "100"], 1000));
    assert_eq!(set(found), keys.into_iter().collect(), "another hash seed, and no key is missed");
}

/// Kills the primary of the first shard in the middle of two scans.
#[test]
fn a_failover_in_the_middle_of_a_scan_hides_no_key_and_no_field() {
    let group = Group::start(&Options { shards: 2, ..Options::new(KETCH).unwrap() }).unwrap();
    let ketch = Ketch::before(&group, "reads = \"prefer-replica\"");
    let mut client = ketch.client();
    let prefixes = prefixes(2);
    let keys: Vec<String> =
        prefixes.iter().flat_map(|prefix| (0..3000).map(move |n| format!("{prefix}{n}"))).collect();
    fill(&mut client, &keys);
    let hash = format!("{}hash", prefixes[0]);
    let fields: Vec<String> = (0..5000).map(|n| format!("f{n}")).collect();
    let mut request = vec!["HSET".to_owned(), hash.clone()];
    fields.iter().for_each(|field| request.extend([field.clone(), "v".into()]));
    assert_eq!(client.ask(&request).unwrap(), Value::Integer(5000));
    // Every replica has all of it.
    assert_eq!(client.ask(&["WAIT", "2", "10000"]).unwrap(), Value::Integer(2));

    let (mut cursor, mut shown) = page(&mut client, &["SCAN", "0", "COUNT", "500"]);
    let (inner, mut shown_fields) = page(&mut client, &["HSCAN", &hash, "0", "COUNT", "2000"]);
    while shown.len() < 1500 {
        let (next, more) = page(&mut client, &["SCAN", &cursor, "COUNT", "500"]);
        shown.extend(more);
        cursor = next;
    }
    let old = group.primary(0).unwrap();
    old.kill();
    wait_until(SOON, "another primary is named", || {
        group.named(0).is_some_and(|now| now.name() != old.name())
    })
    .unwrap();

    shown.extend(rest(&mut client, &["SCAN"], cursor, &["COUNT", "500"], 100));
    let all: BTreeSet<String> = keys.iter().cloned().chain([hash.clone()]).collect();
    assert_eq!(set(shown), all);
    shown_fields.extend(rest(&mut client, &["HSCAN", &hash], inner, &["COUNT", "500"], 100));
    assert_eq!(shown_fields.into_iter().step_by(2).collect::<BTreeSet<_>>(), fields.into_iter().collect());
    group.check_tilt().unwrap();
}

#[test]
fn a_node_that_does_not_tell_its_run_id_is_scanned_by_one_connection() {
    let lines = vec!["user ketch on >secret ~* &* +@all -info".to_owned()];
    let node = NodeOptions { lines, ..NodeOptions::default() };
    let tables = "[pool.main.auth]\nusername = \"ketch\"\npassword = \"secret\"\n".to_owned();
    let stage = Stage::start(Setting { shards: 2, node, tables, ..Setting::default() });
    let mut client = stage.client();
    let keys: Vec<String> = (0..1000).map(|n| format!("key:{n}")).collect();
    fill(&mut client, &keys);
    let found = scan(&mut client, &["COUNT", "20"]);
    assert_eq!((found.len(), set(found)), (1000, keys.into_iter().collect()));
    let reply = client.ask(&["WAIT", "1", "100"]).unwrap();
    assert!(error(&reply).contains("+info"), "{reply:?}");
    assert_eq!(client.ask(&["GET", "key:1"]).unwrap(), bulk("v"));
}
