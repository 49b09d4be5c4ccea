//! A node that a script keeps busy is alive: it says BUSY to whoever asks, it can be told to kill the script,
//! and nobody's connection is lost for it.

use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use crate::support::{SOON, Setting, Stage, bulk, error, expect_error, http, ok, still_open};

const ENDLESS: &str = "while true do end";
/// Redis's own words.
const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

/// Shards whose nodes say that they are busy after 10 ms.
fn stage(shards: usize, lines: &str) -> Stage {
    let stage = Stage::start(Setting { shards, tables: lines.into(), ..Setting::default() });
    for shard in 0..shards {
        let set = ["CONFIG", "SET", "busy-reply-threshold", "10"];
        assert_eq!(stage.primary(shard).ask(&set).unwrap(), ok());
    }
    stage
}

/// A client whose script does not end, seen to run.
fn run_for_ever(stage: &Stage, key: &str) -> Client {
    let mut client = stage.client();
    client.ask(&["GET", key]).unwrap();
    client.send(&["EVAL", ENDLESS, "1", key]).unwrap();
    wait_until_busy(stage, key);
    client
}

fn wait_until_busy(stage: &Stage, key: &str) {
    let node = stage.primary(stage.shard_of(key));
    let busy = || matches!(node.ask(&["GET", key]), Ok(Value::Error(text)) if text == BUSY);
    wait_until(SOON, "the node is busy", busy).unwrap();
}

#[track_caller]
fn expect_busy(reply: &Value) {
    assert_eq!(error(reply), BUSY);
}

#[track_caller]
fn kill(stage: &Stage) {
    assert_eq!(stage.client().ask(&["SCRIPT", "KILL"]).unwrap(), ok());
}

#[track_caller]
fn expect_killed(client: &mut Client) {
    let reply = client.read().unwrap();
    assert!(error(&reply).contains("Script killed by user"), "{reply:?}");
}

#[test]
fn others_hear_that_a_script_keeps_their_node_busy_until_it_is_killed() {
    let stage = stage(2, "");
    let keys = stage.key_each();
    // Some on each worker.
    let mut others: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    for client in &mut others {
        assert_eq!(client.ask(&["SET", &keys[0], "v"]).unwrap(), ok());
    }
    let mut first = run_for_ever(&stage, &keys[0]);
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        for client in &mut others {
            let asked = Instant::now();
            expect_busy(&client.ask(&["GET", &keys[0]]).unwrap());
            expect_busy(&client.ask(&["SET", &keys[0], "w"]).unwrap());
            expect_busy(&client.ask(&["EVAL", ENDLESS, "1", &keys[0]]).unwrap());
            assert!(asked.elapsed() < Duration::from_secs(2), "at once: {:?}", asked.elapsed());
            assert_eq!(client.ask(&["GET", &keys[1]]).unwrap(), Value::Nil, "another shard goes on");
        }
    }
    // One that comes now, on whichever worker.
    expect_busy(&stage.client().ask(&["GET", &keys[0]]).unwrap());
    kill(&stage);
    expect_killed(&mut first);
    for client in others.iter_mut().chain([&mut first]) {
        assert_eq!(client.ask(&["GET", &keys[0]]).unwrap(), bulk("v"));
        assert_eq!(client.ask(&["EVAL", "return 7", "1", &keys[0]]).unwrap(), Value::Integer(7));
    }
    expect_error(&stage.client().ask(&["SCRIPT", "KILL"]).unwrap(), "NOTBUSY");
}

#[test]
fn a_script_that_runs_longer_than_dead_after_is_no_death() {
    let lines = "[pool.main.timeouts]\ndead_after = \"500ms\"\nrequest = \"1s\"\n[pool.main.health]\ninterval = \"200ms\"\n";
    let stage = stage(1, lines);
    let key = stage.keys_on(0, 1).remove(0);
    let mut first = run_for_ever(&stage, &key);
    let mut mixed = stage.client();
    thread::sleep(Duration::from_millis(2500));
    expect_busy(&mixed.ask(&["INCR", &key]).unwrap());
    kill(&stage);
    expect_killed(&mut first);
    assert_eq!(mixed.ask(&["INCR", &key]).unwrap(), Value::Integer(1));
    let text = http(stage.admin(), "/metrics").unwrap();
    let lost = text.lines().filter(|line| line.starts_with("ketch_outcome_unknown_total"));
    assert!(lost.clone().all(|line| line.ends_with(" 0")), "{:?}", lost.collect::<Vec<_>>());
}

#[test]
fn a_script_behind_other_requests_of_its_client_keeps_nobody_else_waiting() {
    let stage = stage(1, "");
    let key = stage.keys_on(0, 1).remove(0);
    let mut others: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    others.iter_mut().for_each(still_open);
    let mut first = stage.client();
    let get: Vec<u8> = crate::support::encode(&["GET", &key]);
    let eval = crate::support::encode(&["EVAL", ENDLESS, "1", &key]);
    // In one piece: the script takes the road that the read before it took. A node keeps that reply back, too,
    // while the script runs.
    first.send_raw(&[get, eval].concat()).unwrap();
    wait_until_busy(&stage, &key);
    thread::sleep(Duration::from_millis(100));
    for client in &mut others {
        expect_busy(&client.ask(&["GET", &key]).unwrap());
        expect_busy(&client.ask(&["EVAL", ENDLESS, "1", &key]).unwrap());
    }
    kill(&stage);
    assert_eq!(first.read().unwrap(), Value::Nil);
    expect_killed(&mut first);
    for client in others.iter_mut().chain([&mut first]) {
        assert_eq!(client.ask(&["SET", &key, "v"]).unwrap(), ok());
    }
}

#[test]
fn whoever_meets_a_busy_node_without_a_connection_to_it_hears_so_and_may_kill_the_script() {
    let stage = stage(1, "");
    let key = stage.keys_on(0, 1).remove(0);
    // In the node's own hands: Ketch has nothing to do with this script.
    let mut direct = stage.primary(0).client().unwrap();
    direct.send(&["EVAL", ENDLESS, "0"]).unwrap();
    wait_until_busy(&stage, &key);
    // Databases, and versions of the protocol, that nobody has asked for so far need new connections; so do
    // commands that block.
    let mut client = stage.client();
    assert_eq!(client.ask(&["SELECT", "5"]).unwrap(), ok());
    expect_busy(&client.ask(&["GET", &key]).unwrap());
    expect_busy(&client.ask(&["SET", &key, "v"]).unwrap());
    expect_busy(&stage.client().ask(&["BLPOP", &key, "0"]).unwrap());
    let block = [vec!["MULTI"], vec!["SET", &key, "v"], vec!["EXEC"]];
    let replies = client.pipeline(&block).unwrap();
    expect_error(&replies[2], "EXECABORT Transaction discarded because of: BUSY Redis is busy");
    expect_busy(&stage.client().ask(&["EVAL", "return 1", "0"]).unwrap());
    assert_eq!(client.ask(&["SCRIPT", "KILL"]).unwrap(), ok());
    assert!(error(&direct.read().unwrap()).contains("Script killed by user"));
    let set = || stage.client().ask(&["SET", &key, "v"]).unwrap() == ok();
    wait_until(SOON, "the node serves again", set).unwrap();
    assert_eq!(client.ask(&["SET", &key, "v"]).unwrap(), ok());
    assert_eq!(client.ask(&["EVAL", "return 7", "0"]).unwrap(), Value::Integer(7));
}

#[test]
fn scripts_and_reads_in_one_pipeline_are_answered_in_order_and_see_each_other() {
    let stage = stage(2, "");
    let keys = stage.key_each();
    let text = "return redis.call('incr', KEYS[1])";
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let key = format!("{}:{n}", keys[n % 2]);
        let requests: Vec<Vec<&str>> = (0..600)
            .map(|i| match i % 3 {
                0 => vec!["EVAL", text, "1", &key],
                1 => vec!["GET", &key],
                _ => vec!["INCR", &key],
            })
            .collect();
        let replies = client.pipeline(&requests).unwrap();
        for (i, reply) in replies.iter().enumerate() {
            let round = i as i64 / 3 * 2;
            match i % 3 {
                0 => assert_eq!(*reply, Value::Integer(round + 1)),
                1 => assert_eq!(*reply, bulk((round + 1).to_string())),
                _ => assert_eq!(*reply, Value::Integer(round + 2)),
            }
        }
    }
}

#[test]
fn a_block_that_meets_a_busy_node_is_aborted_in_the_words_of_a_server() {
    let stage = stage(1, "");
    let key = stage.keys_on(0, 1).remove(0);
    let mut client = stage.client();
    // By a connection that is there already.
    assert_eq!(client.ask(&["SET", &key, "v"]).unwrap(), ok());
    let mut direct = stage.primary(0).client().unwrap();
    direct.send(&["EVAL", ENDLESS, "0"]).unwrap();
    wait_until_busy(&stage, &key);
    let block = [vec!["MULTI"], vec!["SET", &key, "w"], vec!["EXEC"]];
    let replies = client.pipeline(&block).unwrap();
    assert_eq!(error(&replies[2]), format!("EXECABORT Transaction discarded because of: {BUSY}"));
    kill(&stage);
    assert!(error(&direct.read().unwrap()).contains("Script killed by user"));
    assert_eq!(client.ask(&["GET", &key]).unwrap(), bulk("v"));
}
