//! The command table is what real servers say of themselves: every row is compared with `COMMAND` and
//! `COMMAND DOCS` of a redis-server 7.0 and of a valkey-server 9, and the keys that Ketch finds with
//! those that they find. Nothing here goes through Ketch. `servers` starts them, `said` puts both sides
//! into the same words. Summaries, and what a complexity says beside its O(…), are the table's own.
//!
//! A row holds what the newest server says; where Redis 7.0 says otherwise stands in `REDIS_7_0`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod said;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ketch::internals::command::{
    Begin, Flags, Found, KeyFlags, KeySpec, Known, Row, find, keys_and_flags, rows,
};
use ketch::internals::resp::{self, Span, Value};

use said::{Said, orders, text, texts};
use servers::Server;

/// Where Redis 7.0 differs from the table: `-` is what only the table has, `+` what only Redis 7.0 has.
/// Complexities are not compared with it: newer servers correct many.
const REDIS_7_0: &[&str] = &[
    "acl|deluser tip - request_policy:all_nodes",
    "acl|deluser tip - response_policy:all_succeeded",
    "acl|save tip - request_policy:all_nodes",
    "acl|save tip - response_policy:all_succeeded",
    "acl|setuser tip - request_policy:all_nodes",
    "acl|setuser tip - response_policy:all_succeeded",
    "blmove flag + noscript",
    "blpop flag + noscript",
    "brpop flag + noscript",
    "brpoplpush flag + noscript",
    "bzpopmax flag + noscript",
    "bzpopmin flag + noscript",
    "client|caching flag - allow_busy",
    "client|getname flag - allow_busy",
    "client|getredir flag - allow_busy",
    "client|id flag - allow_busy",
    "client|no-evict flag - allow_busy",
    "client|pause since + 2.9.50",
    "client|pause since - 3.0.0",
    "client|reply flag - allow_busy",
    "client|reply flag - no_multi",
    "client|setname flag - allow_busy",
    "client|setname tip - request_policy:all_nodes",
    "client|setname tip - response_policy:all_succeeded",
    "cluster|info flag - loading",
    "cluster|myid flag - loading",
    "cluster|nodes flag - loading",
    "cluster|replicate arity + 3",
    "cluster|replicate arity - -3",
    "cluster|shards flag - loading",
    "cluster|slots flag - loading",
    "command|getkeys arity + -4",
    "command|getkeys arity - -3",
    "command|getkeysandflags arity + -4",
    "command|getkeysandflags arity - -3",
    "config|resetstat tip - request_policy:all_nodes",
    "config|resetstat tip - response_policy:all_succeeded",
    "config|rewrite tip - request_policy:all_nodes",
    "config|rewrite tip - response_policy:all_succeeded",
    "exec flag + skip_slowlog",
    "exec flag - skip_commandlog",
    "georadius keys + 1: keyword STORE 6, range 0 1 0, OW update",
    "georadius keys + 2: keyword STOREDIST 6, range 0 1 0, OW update",
    "georadius keys - 1: keyword STORE 6, range 0 1 0, OW update variable_flags",
    "georadius keys - 2: keyword STOREDIST 6, range 0 1 0, OW update variable_flags",
    "georadiusbymember keys + 1: keyword STORE 5, range 0 1 0, OW update",
    "georadiusbymember keys + 2: keyword STOREDIST 5, range 0 1 0, OW update",
    "georadiusbymember keys - 1: keyword STORE 5, range 0 1 0, OW update variable_flags",
    "georadiusbymember keys - 2: keyword STOREDIST 5, range 0 1 0, OW update variable_flags",
    "latency|reset tip + response_policy:all_succeeded",
    "latency|reset tip - response_policy:agg_sum",
    "memory|malloc-stats flag - loading",
    "memory|purge flag - loading",
    "msetnx tip + request_policy:multi_shard",
    "msetnx tip + response_policy:agg_min",
    "multi flag - no_multi",
    "randomkey tip - response_policy:special",
    "scan tip - response_policy:special",
    "script|debug arity + 3",
    "script|debug arity - -3",
    "script|exists flag - stale",
    "script|flush flag - stale",
    "select flag - allow_busy",
    "sinterstore keys + 0: index 1, range 0 1 0, RW update",
    "sinterstore keys - 0: index 1, range 0 1 0, OW update",
    "wait category - @blocking",
    "wait flag + noscript",
    "wait flag - blocking",
    "watch flag - no_multi",
    "zrank arity + 3",
    "zrank arity - -3",
    "zrevrank arity + 3",
    "zrevrank arity - -3",
];

#[test]
fn every_row_is_what_the_newest_server_says() {
    let said = Server::valkey().commands();
    let mut differences = Vec::new();
    for row in rows().iter().filter(|row| row.known != Known::Sentinel) {
        let Some(newest) = said.get(row.name) else { continue };
        differences.extend(Said::of(row).differences(newest, row.name));
    }
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn redis_7_0_differs_only_where_we_know() {
    let said = Server::redis().commands();
    let mut differences = Vec::new();
    for row in rows().iter().filter(|row| row.known == Known::Both) {
        let Some(redis) = said.get(row.name) else { continue };
        let here = Said {
            complexity: redis.complexity.clone(),
            // Which commands Redis 7.0 has is another test's question.
            subcommands: redis.subcommands.clone(),
            ..Said::of(row)
        };
        differences.extend(here.differences(redis, row.name));
    }
    differences.sort();
    assert_eq!(differences, REDIS_7_0);
}

#[test]
fn every_row_is_summed_up_in_one_sentence_of_our_own() {
    for row in rows() {
        let summary = row.summary.strip_suffix('.').unwrap_or_else(|| panic!("{}: no full stop", row.name));
        assert!(summary.starts_with(char::is_uppercase) && !summary.contains(". "), "{}", row.name);
    }
    for server in [Server::redis(), Server::valkey(), Server::sentinel()] {
        for (name, said) in server.commands() {
            // A Sentinel has commands that Ketch has no row for.
            let Some(row) = rows().iter().find(|row| row.name == name) else { continue };
            assert!(!same_words(row.summary, &said.summary), "{name}: {}", row.summary);
            let bare = orders(row.complexity).concat() == row.complexity;
            assert!(bare || !same_words(row.complexity, &said.complexity), "{name}: {}", row.complexity);
        }
    }
}

#[test]
fn a_complexity_is_told_where_the_newest_server_tells_one() {
    let said = Server::valkey().commands();
    for row in rows() {
        let Some(newest) = said.get(row.name) else { continue };
        let told = !["", "N/A"].contains(&newest.complexity.as_str());
        assert_eq!(!row.complexity.is_empty(), told, "{}", row.name);
    }
}

#[test]
fn every_command_of_a_server_has_a_row_and_every_row_a_server() {
    let names = |said: BTreeMap<String, Said>| said.into_keys().collect::<BTreeSet<String>>();
    let here = |known: &[Known]| {
        let rows = rows().iter().filter(|row| known.contains(&row.known));
        rows.map(|row| row.name.to_owned()).collect::<BTreeSet<String>>()
    };
    assert_eq!(here(&[Known::Both]), names(Server::redis().commands()));
    assert_eq!(here(&[Known::Both, Known::Valkey]), names(Server::valkey().commands()));
    let sentinel = Server::sentinel().commands();
    for row in rows().iter().filter(|row| row.known == Known::Sentinel) {
        assert_eq!(Said::of(row).differences(&sentinel[row.name], row.name), Vec::<String>::new());
    }
}

#[test]
fn a_read_is_called_readonly_by_every_server() {
    for server in [Server::redis(), Server::valkey()] {
        for (name, said) in server.commands() {
            let row = rows().iter().find(|row| row.name == name).unwrap();
            if row.is_read() {
                assert!(said.flags.contains("readonly"), "{name}");
            }
            // What may block on any server is known to block.
            if said.flags.contains("blocking") {
                assert!(row.flags.contains(Flags::BLOCKING), "{name}");
            }
        }
    }
}

/// Requests for the commands whose keys move; each such row has one at least.
const MOVING: &[&str] = &[
    "blmpop 0 2 a b left",
    "bzmpop 0 1 a min count 2",
    "eval script 2 a b c",
    "eval_ro script 1 a",
    "evalsha sha 1 a b",
    "evalsha_ro sha 1 a",
    "fcall f 2 a b",
    "fcall_ro f 1 a b",
    "georadius k 1 2 3 m",
    "georadius k 1 2 3 m store d",
    "georadius k 1 2 3 m count 4 asc storedist d",
    "georadiusbymember k m 3 m store d",
    "lmpop 2 a b left",
    "migrate h 1 k 0 10",
    "migrate h 1 '' 0 10 keys a b",
    "migrate h 1 '' 0 10 copy auth keys keys a b",
    "migrate h 1 '' 0 10 auth2 keys keys keys a",
    "msetex 2 a 1 b 2 ex 10",
    "sintercard 2 a b limit 1",
    "sort k",
    "sort k by w_* limit 0 5 get # store d desc",
    "sort k store d store e",
    "sort k by store",
    "sort_ro k by w_* get #",
    "xread streams a b 0 0",
    "xread count 1 block 0 STREAMS a 0",
    "xreadgroup group g c streams a >",
    "xreadgroup group streams streams noack streams a b > >",
    "zdiff 2 a b withscores",
    "zdiffstore d 2 a b",
    "zinter 2 a b weights 1 2",
    "zintercard 1 a",
    "zinterstore d 1 a",
    "zmpop 1 a max",
    "zunion 3 a b c",
    "zunionstore d 2 a b aggregate max",
];

/// More than one key at places that the specs tell, or access that depends on options.
const FIXED: &[&str] = &[
    "mget a b c",
    "mset a 1 b 2",
    "del a b c",
    "blpop a b c 0",
    "bitop and d a b",
    "pfmerge d a b",
    "sinterstore d a b",
    "lcs a b len",
    "set k v get",
    "set k v ex 10 GET",
    "set k get",
    "bitfield k get u8 0",
    "bitfield k overflow fail get u8 0",
    "bitfield k get u8 0 incrby u8 0 1",
    "object freq k",
    "memory usage k samples 5",
    "xinfo consumers k g",
    "xgroup create k g 0",
];

#[test]
fn keys_are_those_that_the_servers_find() {
    let (mut redis, mut valkey) = (Server::redis(), Server::valkey());
    let plain =
        rows().iter().filter(|row| has_keys(row) && !row.flags.contains(Flags::MOVABLEKEYS)).map(any_request);
    let samples = MOVING.iter().chain(FIXED).map(|line| line.to_string()).chain(plain);
    let mut tried = BTreeSet::new();
    for line in samples {
        let words = words(&line);
        let (row, ours) = keys_of(&words);
        let ask = [&["COMMAND", "GETKEYSANDFLAGS"], &words[..]].concat();
        assert_eq!(Ok(&ours), pairs(valkey.ask(&ask)).as_ref(), "{line}");
        if row.known == Known::Both {
            let names =
                |pairs: &[(String, String)]| pairs.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
            assert_eq!(names(&ours), names(&pairs(redis.ask(&ask)).unwrap()), "{line}");
        }
        tried.insert(row.name);
    }
    let all: BTreeSet<&str> = rows().iter().filter(|row| has_keys(row)).map(|row| row.name).collect();
    assert_eq!(tried, all);
}

#[test]
fn keys_that_cant_be_told_are_answered_in_the_servers_words() {
    let (mut redis, mut valkey) = (Server::redis(), Server::valkey());
    let script = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    for server in [&mut redis, &mut valkey] {
        assert!(!server.ask(&["FUNCTION", "LOAD", script]).is_error());
    }
    for line in [
        "mset a 1 b",
        "msetnx a 1 b",
        "eval s x a",
        "eval s +1 a",
        "eval s 01 a",
        "eval s '' a",
        "eval s 9223372036854775808 a",
        "eval s 2 a",
        "eval s -1 a",
        "fcall f x a",
        "fcall f 2 a",
        "fcall f -1 a",
        "zunion 0 a",
        "zunion x a",
        "zinterstore d 2 a",
        "zdiff -1 a",
        "zintercard 0 a",
        "lmpop 0 a left",
        "zmpop x a min",
        "blmpop 0 9 a left",
        "bzmpop 0 9223372036854775807 a min",
        "sintercard 0 a",
        "sintercard 3 a b",
        "msetex 0 a 1",
        "msetex 2 a 1 b",
        "xread count 3 a",
        "xread count 1 streams",
        "xread streams a b 0",
        "xreadgroup group g c streams a b 0",
    ] {
        let words = words(line);
        let (bytes, spans) = request(&words);
        let row = row_of(&bytes, &spans);
        let error = keys_and_flags(row, &bytes, &spans, &mut Vec::new()).expect_err(line);
        assert_eq!(valkey.ask(&words), Value::Error(error.text()), "{line}");
        // Redis 7.0 has other words for unequal XREAD lists.
        if row.known == Known::Both && !error.text().contains("Unbalanced") {
            assert_eq!(redis.ask(&words), Value::Error(error.text()), "{line}");
        }
    }
}

/// Whether two texts differ in punctuation and capitals at most.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>()
    };
    words(one) == words(other)
}

fn has_keys(row: &Row) -> bool {
    row.keys.iter().any(|spec| !spec.flags.names().any(|flag| flag == "not_key"))
}

/// As few arguments as the arity and the key specs ask for. (PFMERGE may have a destination alone, but
/// the servers' COMMAND GETKEYS calls that an error.)
fn any_request(row: &Row) -> String {
    let first_key =
        |spec: &KeySpec| if let Begin::Index(index) = spec.begin { usize::from(index) } else { 0 };
    let least = row.keys.iter().map(first_key).max().unwrap_or(0) + 1;
    let mut line = row.name.replace('|', " ");
    for word in line.split(' ').count()..least.max(row.arity.unsigned_abs() as usize) {
        write!(line, " k{word}").unwrap();
    }
    line
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').map(|word| if word == "''" { "" } else { word }).collect()
}

/// The bytes of a request as a client sends it, and where its arguments lie.
fn request(words: &[&str]) -> (Vec<u8>, Vec<Span>) {
    let mut bytes = Vec::new();
    resp::array(&mut bytes, words.len());
    let spans = words.iter().map(|word| {
        resp::bulk(&mut bytes, word.as_bytes());
        Span { start: (bytes.len() - 2 - word.len()) as u32, len: word.len() as u32 }
    });
    let spans = spans.collect();
    (bytes, spans)
}

fn row_of(bytes: &[u8], spans: &[Span]) -> &'static Row {
    match find(bytes, spans) {
        Found::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

/// The keys that Ketch finds, each with its flags.
fn keys_of(words: &[&str]) -> (&'static Row, Vec<(String, String)>) {
    let (bytes, spans) = request(words);
    let row = row_of(&bytes, &spans);
    let mut found = Vec::new();
    keys_and_flags(row, &bytes, &spans, &mut found).unwrap_or_else(|error| panic!("{words:?}: {error:?}"));
    let named = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(" ");
    let pair =
        |(at, flags): &(u32, KeyFlags)| (words[*at as usize].to_owned(), named(flags.names().collect()));
    (row, found.iter().map(pair).collect())
}

/// The same, of a server's answer to COMMAND GETKEYSANDFLAGS.
fn pairs(answer: Value) -> Result<Vec<(String, String)>, Value> {
    let Some(pairs) = answer.elements() else { return Err(answer) };
    let pair = |pair: &Value| {
        let [key, flags] = pair.elements().unwrap() else { panic!("{pair:?}") };
        let flags: Vec<String> = texts(flags).into_iter().collect();
        (text(key), flags.join(" "))
    };
    Ok(pairs.iter().map(pair).collect())
}
