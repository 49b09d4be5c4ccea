//! Publishing and subscribing through Ketch: answers as Redis's own, every message to everybody who is
//! subscribed, in order, whichever shard it meets them on, and one subscriber upstream a shard and worker.

mod failover;
mod resp3;
mod same_bytes;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use ketch::internals::lab::{Client, Server, wait_until};
use ketch::internals::resp::Value;

use crate::support::{SOON, Setting, Stage, bulk, expect_error};

fn push(words: &[&str]) -> Value {
    Value::Array(words.iter().map(bulk).collect())
}

/// A confirmation.
fn confirmed(kind: &str, name: &str, count: i64) -> Value {
    Value::Array(vec![bulk(kind), bulk(name), Value::Integer(count)])
}

fn subscribe(client: &mut Client, channel: &str) {
    assert_eq!(client.ask(&["SUBSCRIBE", channel]).unwrap(), confirmed("subscribe", channel, 1));
}

fn three_shards() -> Stage {
    Stage::shards(3)
}

/// Clients that are dealt to both workers.
fn clients(stage: &Stage, count: usize) -> Vec<Client> {
    (0..count).map(|_| stage.client()).collect()
}

/// Channels that lie on each of three shards.
fn channels(stage: &Stage) -> Vec<String> {
    (0..3).map(|shard| stage.keys_on(shard, 1).remove(0)).collect()
}

/// Nothing comes: a marker that is answered proves it.
#[track_caller]
fn nothing_else(client: &mut Client) {
    assert_eq!(client.ask(&["PING", "marker"]).unwrap(), push(&["pong", "marker"]));
}

/// Connections of a node that are subscribed to something.
fn subscribers(node: &Server) -> usize {
    let list = node.ask(&["CLIENT", "LIST", "TYPE", "PUBSUB"]).unwrap();
    list.text().unwrap().lines().count()
}

#[test]
fn subscribers_on_both_workers_get_all_messages_of_all_shards_in_order() {
    let stage = three_shards();
    let channels = channels(&stage);
    let mut subscribers = clients(&stage, 4);
    for subscriber in &mut subscribers {
        let mut request = vec!["SUBSCRIBE".to_owned()];
        request.extend(channels.iter().cloned());
        subscriber.send(&request).unwrap();
        for (i, channel) in channels.iter().enumerate() {
            assert_eq!(subscriber.read().unwrap(), confirmed("subscribe", channel, i as i64 + 1));
        }
    }
    let mut publishers = clients(&stage, 2);
    for n in 0..500 {
        for channel in &channels {
            let publisher = &mut publishers[n % 2];
            let reached = publisher.ask(&["PUBLISH", channel, &n.to_string()]).unwrap();
            assert_eq!(reached, Value::Integer(4), "four clients, by two upstreams");
        }
    }
    for subscriber in &mut subscribers {
        let mut next: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..1500 {
            let message = subscriber.read().unwrap();
            let words: Vec<&str> = message.elements().unwrap().iter().map(|v| v.text().unwrap()).collect();
            let [kind, channel, n] = words[..] else { panic!("{words:?}") };
            let expected = next.entry(channel.to_owned()).or_default();
            assert_eq!((kind, n), ("message", expected.to_string().as_str()), "{channel}");
            *expected += 1;
        }
        nothing_else(subscriber);
    }
}

#[test]
fn a_pattern_hears_every_shard_once_and_counts_for_each_client() {
    let stage = three_shards();
    let mut hearers = clients(&stage, 3);
    for hearer in &mut hearers {
        assert_eq!(hearer.ask(&["PSUBSCRIBE", "key:*"]).unwrap(), confirmed("psubscribe", "key:*", 1));
    }
    let mut exact = stage.client();
    let channels = channels(&stage);
    subscribe(&mut exact, &channels[0]);
    let mut publisher = stage.client();
    for channel in &channels {
        let reached = if channel == &channels[0] { 4 } else { 3 };
        assert_eq!(publisher.ask(&["PUBLISH", channel, "x"]).unwrap(), Value::Integer(reached));
        for hearer in &mut hearers {
            assert_eq!(hearer.read().unwrap(), push(&["pmessage", "key:*", channel, "x"]));
            nothing_else(hearer);
        }
    }
    assert_eq!(exact.read().unwrap(), push(&["message", &channels[0], "x"]));
    assert_eq!(publisher.ask(&["PUBLISH", "other", "x"]).unwrap(), Value::Integer(0));
    assert_eq!(publisher.ask(&["PUBLISH", "KEY:1", "x"]).unwrap(), Value::Integer(0));
}

#[test]
fn events_of_keys_come_from_the_shard_on_which_they_happen() {
    let node = ketch::internals::lab::NodeOptions {
        lines: vec!["notify-keyspace-events KEA".to_owned()],
        ..Default::default()
    };
    let stage = Stage::start(Setting { shards: 3, node, ..Setting::default() });
    let keys = stage.key_each();
    let (mut events, mut spaces, mut pattern) = (stage.client(), stage.client(), stage.client());
    subscribe(&mut events, "__keyevent@0__:set");
    pattern.ask(&["PSUBSCRIBE", "__key*__:*"]).unwrap();
    for (i, key) in keys.iter().enumerate() {
        let space = format!("__keyspace@0__:{key}");
        let reply = spaces.ask(&["SUBSCRIBE", &space]).unwrap();
        assert_eq!(reply, confirmed("subscribe", &space, i as i64 + 1));
        assert!(subscribers(stage.primary(i)) > 0);
    }
    let mut writer = stage.client();
    for key in &keys {
        writer.ask(&["SET", key, "v"]).unwrap();
        let space = format!("__keyspace@0__:{key}");
        assert_eq!(events.read().unwrap(), push(&["message", "__keyevent@0__:set", key]));
        assert_eq!(spaces.read().unwrap(), push(&["message", &space, "set"]));
        assert_eq!(pattern.read().unwrap(), push(&["pmessage", "__key*__:*", &space, "set"]));
        assert_eq!(pattern.read().unwrap(), push(&["pmessage", "__key*__:*", "__keyevent@0__:set", key]));
    }
    for client in [&mut events, &mut spaces, &mut pattern] {
        nothing_else(client);
    }
}

#[test]
fn pubsub_counts_clients_of_ketch_one_by_one_and_others_too() {
    let stage = three_shards();
    let channels = channels(&stage);
    let mut asker = stage.client();
    let mut through = clients(&stage, 5);
    for client in &mut through {
        subscribe(client, &channels[0]);
    }
    let mut hearers = clients(&stage, 3);
    for hearer in &mut hearers {
        hearer.ask(&["PSUBSCRIBE", "a*"]).unwrap();
        hearer.ask(&["PSUBSCRIBE", "b*"]).unwrap();
    }
    through[0].ask(&["SSUBSCRIBE", &channels[1]]).unwrap();
    // Beside Ketch: one where the channel is, one where it is not.
    let mut beside = [0, 1].map(|shard| stage.primary(shard).client().unwrap());
    for client in &mut beside {
        subscribe(client, &channels[0]);
    }
    let numsub = asker.ask(&["PUBSUB", "NUMSUB", &channels[0], &channels[1], "nobody"]).unwrap();
    let count = |name: &str, n| [bulk(name), Value::Integer(n)];
    let expected = [count(&channels[0], 6), count(&channels[1], 0), count("nobody", 0)].concat();
    assert_eq!(numsub, Value::Array(expected));
    let listed = asker.ask(&["CLIENT", "LIST", "TYPE", "PUBSUB"]).unwrap();
    let lines: Vec<&str> = listed.text().unwrap().lines().collect();
    let with = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((lines.len(), with(" sub=1 psub=0 ssub=0 "), with(" sub=0 psub=2 ssub=0 ")), (8, 4, 3));
    assert_eq!((with(" sub=1 psub=0 ssub=1 "), with(" flags=P ")), (1, 8));
    assert_eq!(asker.ask(&["PUBSUB", "NUMSUB"]).unwrap(), Value::Array(vec![]));
    assert_eq!(asker.ask(&["PUBSUB", "NUMPAT"]).unwrap(), Value::Integer(2));
    assert_eq!(asker.ask(&["PUBSUB", "CHANNELS"]).unwrap(), Value::Array(vec![bulk(&channels[0])]));
    assert_eq!(asker.ask(&["PUBSUB", "CHANNELS", "x*"]).unwrap(), Value::Array(vec![]));
    let shard_channels = asker.ask(&["PUBSUB", "SHARDCHANNELS"]).unwrap();
    assert_eq!(shard_channels, Value::Array(vec![bulk(&channels[1])]));
    let numsub = asker.ask(&["PUBSUB", "SHARDNUMSUB", &channels[1]]).unwrap();
    assert_eq!(numsub, Value::Array(count(&channels[1], 1).to_vec()));
    assert_eq!(asker.ask(&["PUBLISH", &channels[0], "x"]).unwrap(), Value::Integer(6));
    assert_eq!(asker.ask(&["SPUBLISH", &channels[1], "x"]).unwrap(), Value::Integer(1));
    assert_eq!(asker.ask(&["SPUBLISH", &channels[0], "x"]).unwrap(), Value::Integer(0));
    expect_error(&asker.ask(&["PUBSUB", "NONSENSE"]).unwrap(), "ERR unknown subcommand 'NONSENSE'");
    assert_eq!(asker.ask(&["PUBSUB", "HELP"]).unwrap(), stage.primary(0).ask(&["PUBSUB", "HELP"]).unwrap());
}

#[test]
fn after_an_unsubscription_is_confirmed_nobody_is_counted_and_nothing_comes() {
    let stage = three_shards();
    let (mut client, mut publisher) = (stage.client(), stage.client());
    for _ in 0..50 {
        for channel in channels(&stage) {
            subscribe(&mut client, &channel);
            assert_eq!(publisher.ask(&["PUBLISH", &channel, "x"]).unwrap(), Value::Integer(1));
            assert_eq!(client.read().unwrap(), push(&["message", &channel, "x"]));
            let over = client.ask(&["UNSUBSCRIBE", &channel]).unwrap();
            assert_eq!(over, confirmed("unsubscribe", &channel, 0));
            assert_eq!(publisher.ask(&["PUBLISH", &channel, "x"]).unwrap(), Value::Integer(0));
        }
    }
    assert_eq!(client.ask(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

#[test]
fn nodes_are_subscribed_to_what_somebody_needs_and_no_longer() {
    let stage = Stage::shards(1);
    let node = stage.primary(0);
    let channels = || node.ask(&["PUBSUB", "CHANNELS"]).unwrap().elements().unwrap().len();
    let mut others = clients(&stage, 3);
    let mut leaver = stage.client();
    others.iter_mut().for_each(|other| subscribe(other, "shared"));
    subscribe(&mut leaver, "shared");
    assert_eq!(leaver.ask(&["SUBSCRIBE", "own"]).unwrap(), confirmed("subscribe", "own", 2));
    assert_eq!((channels(), subscribers(node)), (2, 2), "one subscriber upstream a worker");
    drop(leaver);
    wait_until(SOON, "what only the leaver needed is given up", || channels() == 1).unwrap();
    let mut asker = stage.client();
    let numsub = asker.ask(&["PUBSUB", "NUMSUB", "shared"]).unwrap();
    assert_eq!(numsub, Value::Array(vec![bulk("shared"), Value::Integer(3)]));
    drop(others);
    wait_until(SOON, "nothing is subscribed to", || channels() == 0).unwrap();
    wait_until(Duration::from_secs(40), "an idle subscriber upstream is closed", || {
        let list = node.ask(&["CLIENT", "LIST"]).unwrap();
        let subscribing = |line: &&str| line.contains("cmd=ping") || line.contains("subscribe");
        list.text().unwrap().lines().filter(subscribing).count() == 0
    })
    .unwrap();
}

#[test]
fn ten_thousand_subscribers_of_a_channel_cost_one_upstream_a_shard_and_worker() {
    let stage = Stage::start(Setting {
        shards: 3,
        tables: "[pool.main.limits]\nmax_clients = 20000\n".to_owned(),
        ..Setting::default()
    });
    let channel = stage.keys_on(1, 1).remove(0);
    let mut all: Vec<Client> = Vec::new();
    for _ in 0..10_000 {
        let mut client = stage.client();
        client.send(&["SUBSCRIBE", &channel]).unwrap();
        all.push(client);
    }
    for client in &mut all {
        assert_eq!(client.read().unwrap(), confirmed("subscribe", &channel, 1));
    }
    let upstreams: Vec<usize> = (0..3).map(|shard| subscribers(stage.primary(shard))).collect();
    assert_eq!(upstreams, [0, 2, 0]);
    let mut publisher = stage.client();
    for n in 0..3 {
        assert_eq!(publisher.ask(&["PUBLISH", &channel, &n.to_string()]).unwrap(), Value::Integer(10_000));
    }
    for client in &mut all {
        for n in 0..3 {
            assert_eq!(client.read().unwrap(), push(&["message", &channel, &n.to_string()]));
        }
    }
    let figure = stage.primary(1).ask(&["PUBLISH", &channel, "direct"]).unwrap();
    assert_eq!(figure, Value::Integer(2));
    assert_eq!(all[0].read().unwrap(), push(&["message", &channel, "direct"]));
    // A pattern is on every shard.
    all[0].ask(&["PSUBSCRIBE", "p*"]).unwrap();
    let upstreams: Vec<usize> = (0..3).map(|shard| subscribers(stage.primary(shard))).collect();
    assert_eq!(upstreams.iter().sum::<usize>(), 4, "one more on each of two shards");
    drop(all);
    wait_until(SOON, "all are forgotten", || {
        publisher.ask(&["PUBSUB", "NUMSUB", &channel]).unwrap()
            == Value::Array(vec![bulk(&channel), Value::Integer(0)])
    })
    .unwrap();
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_and_nobody_else_notices() {
    let stage = Stage::start(Setting {
        threads: 1,
        tables: "[pool.main.limits]\noutput_limit = \"2MiB\"\n".to_owned(),
        ..Setting::default()
    });
    let (mut slow, mut quick, mut publisher) = (stage.client(), stage.client(), stage.client());
    subscribe(&mut slow, "c");
    subscribe(&mut quick, "c");
    let payload = "x".repeat(100_000);
    let mut reached = Vec::new();
    for _ in 0..200 {
        reached.push(publisher.ask(&["PUBLISH", "c", &payload]).unwrap());
        assert_eq!(quick.read().unwrap(), push(&["message", "c", &payload]));
    }
    assert_eq!((reached.first(), reached.last()), (Some(&Value::Integer(2)), Some(&Value::Integer(1))));
    let closed = crate::support::http(stage.admin(), "/metrics").unwrap();
    assert!(closed.contains("reason=\"slow_subscriber\"} 1"), "{closed}");
    let rest = loop {
        match slow.read() {
            Ok(_) => {}
            Err(error) => break error.kind(),
        }
    };
    assert!(matches!(rest, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "{rest:?}");
    nothing_else(&mut quick);
}

#[test]
fn a_message_that_no_client_may_have_cuts_its_subscribers_and_no_others() {
    let stage = Stage::start(Setting {
        threads: 1,
        tables: "[pool.main.limits]\noutput_limit = \"1MiB\"\n".to_owned(),
        ..Setting::default()
    });
    let (mut hit, mut spared, mut publisher) = (stage.client(), stage.client(), stage.client());
    subscribe(&mut hit, "large");
    subscribe(&mut spared, "small");
    publisher.ask(&["PUBLISH", "large", &"x".repeat(3 << 20)]).unwrap();
    assert!(hit.read().is_err());
    assert_eq!(publisher.ask(&["PUBLISH", "small", "x"]).unwrap(), Value::Integer(1));
    assert_eq!(spared.read().unwrap(), push(&["message", "small", "x"]));
    assert_eq!(publisher.ask(&["PUBLISH", "large", "x"]).unwrap(), Value::Integer(0));
}

#[test]
fn a_large_message_comes_whole() {
    let stage = three_shards();
    let channels = channels(&stage);
    let mut hearers = clients(&stage, 2);
    for hearer in &mut hearers {
        hearer.ask(&["PSUBSCRIBE", "*"]).unwrap();
    }
    let mut publisher = stage.client();
    for size in [65_535, 65_536, 1 << 20, 5 << 20] {
        let payload = "y".repeat(size);
        for channel in &channels {
            assert_eq!(publisher.ask(&["PUBLISH", channel, &payload]).unwrap(), Value::Integer(2));
            for hearer in &mut hearers {
                assert_eq!(hearer.read().unwrap(), push(&["pmessage", "*", channel, &payload]));
            }
        }
    }
}

#[test]
fn what_was_asked_before_a_subscription_is_answered_before_it() {
    let stage = three_shards();
    let keys = stage.key_each();
    let mut client = stage.client();
    for round in 0..20 {
        let value = round.to_string();
        for key in &keys {
            client.send(&["SET", key, &value]).unwrap();
            client.send(&["GET", key]).unwrap();
        }
        client.send(&["SUBSCRIBE", &keys[1]]).unwrap();
        client.send(&["PSUBSCRIBE", "*x"]).unwrap();
        client.send(&["GET", "a"]).unwrap();
        client.send(&["UNSUBSCRIBE"]).unwrap();
        client.send(&["PUNSUBSCRIBE", "*x"]).unwrap();
        client.send(&["GET", &keys[2]]).unwrap();
        for _ in &keys {
            assert_eq!(client.read().unwrap(), crate::support::ok());
            assert_eq!(client.read().unwrap(), bulk(&value));
        }
        assert_eq!(client.read().unwrap(), confirmed("subscribe", &keys[1], 1));
        assert_eq!(client.read().unwrap(), confirmed("psubscribe", "*x", 2));
        expect_error(&client.read().unwrap(), "ERR Can't execute 'get'");
        assert_eq!(client.read().unwrap(), confirmed("unsubscribe", &keys[1], 1));
        assert_eq!(client.read().unwrap(), confirmed("punsubscribe", "*x", 0));
        assert_eq!(client.read().unwrap(), bulk(&value));
    }
}

#[test]
fn a_subscription_waits_for_its_node_and_says_so_when_it_can_not_be_had() {
    let stage = Stage::start(Setting { shards: 2, pool: "hold = \"2s\"".to_owned(), ..Setting::default() });
    let [here, gone] = [0, 1].map(|shard| stage.keys_on(shard, 1).remove(0));
    let (mut client, mut other) = (stage.client(), stage.client());
    subscribe(&mut other, &here);
    stage.primary(1).kill();
    client.send(&["SUBSCRIBE", &here, &gone]).unwrap();
    client.send(&["GET", &here]).unwrap();
    expect_error(&client.read().unwrap(), "SHARDDOWN shard s2 of pool main");
    // Nothing of it remains: what is behind it is answered as if it had not been.
    assert_eq!(client.read().unwrap(), Value::Nil);
    assert_eq!(client.ask(&["PUBLISH", &here, "x"]).unwrap(), Value::Integer(1));
    client.send(&["SUBSCRIBE", &gone]).unwrap();
    stage.primary(1).restart().unwrap();
    assert_eq!(client.read().unwrap(), confirmed("subscribe", &gone, 1));
    assert_eq!(other.read().unwrap(), push(&["message", &here, "x"]));
    nothing_else(&mut other);
}

#[test]
fn a_node_that_comes_back_is_subscribed_to_before_messages_that_waited_are_published() {
    let stage = three_shards();
    let channel = stage.keys_on(2, 1).remove(0);
    let mut hearers = clients(&stage, 4);
    for (i, hearer) in hearers.iter_mut().enumerate() {
        match i % 2 {
            0 => subscribe(hearer, &channel),
            _ => assert_eq!(hearer.ask(&["PSUBSCRIBE", "*"]).unwrap(), confirmed("psubscribe", "*", 1)),
        }
    }
    let mut publishers = clients(&stage, 4);
    for round in 0..3 {
        stage.primary(2).kill();
        for (i, publisher) in publishers.iter_mut().enumerate() {
            publisher.send(&["PUBLISH", &channel, &format!("{round}:{i}")]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(300));
        stage.primary(2).restart().unwrap();
        let mut told = 0;
        for publisher in &mut publishers {
            match publisher.read().unwrap() {
                Value::Integer(4) => told += 1,
                // Written before the connection's end was seen.
                other => expect_error(&other, "OUTCOMEUNKNOWN"),
            }
        }
        for hearer in &mut hearers {
            for _ in 0..told {
                let message = hearer.read().unwrap();
                let text = message.elements().unwrap().last().unwrap().text().unwrap();
                assert!(text.starts_with(&format!("{round}:")), "{message:?}");
            }
            nothing_else(hearer);
        }
    }
}
