//! A primary goes while clients are subscribed: they hear nothing of it, and what is published through Ketch
//! from then on reaches them.

use std::time::Duration;

use ketch::internals::lab::{Client, Group, Options};
use ketch::internals::resp::Value;

use crate::rig::{FAILOVER, KETCH, Ketch, prefixes};
use crate::support::{bulk, expect_error};

use super::{confirmed, push};

/// Every other one by pattern; they are dealt to both workers.
fn hearers(ketch: &Ketch, channel: &str, pattern: &str) -> Vec<Client> {
    let hearer = |n: usize| {
        let mut client = ketch.client();
        let (verb, name) = if n.is_multiple_of(4) { ("psubscribe", pattern) } else { ("subscribe", channel) };
        assert_eq!(client.ask(&[verb, name]).unwrap(), confirmed(verb, name, 1));
        client
    };
    (0..6).map(hearer).collect()
}

/// The next message, and that it is on this channel.
#[track_caller]
fn message(hearer: &mut Client, channel: &str) -> String {
    let message = hearer.read().unwrap();
    let elements = message.elements().unwrap();
    assert_eq!(elements[elements.len() - 2], bulk(channel), "{message:?}");
    elements[elements.len() - 1].text().unwrap().to_owned()
}

#[track_caller]
fn nothing_else(hearer: &mut Client) {
    assert_eq!(hearer.ask(&["PING", "marker"]).unwrap(), push(&["pong", "marker"]));
}

#[test]
fn messages_that_wait_for_a_new_primary_reach_all_who_are_subscribed() {
    let options = Options { shards: 2, ..Options::new(KETCH).unwrap() };
    let group = Group::start(&options).unwrap();
    let ketch = Ketch::before(&group, "");
    let [hit, spared] = [0, 1].map(|shard| format!("{}news", prefixes(2)[shard]));
    let pattern = format!("{}*", prefixes(2)[0]);
    let mut all = hearers(&ketch, &hit, &pattern);
    let mut others = hearers(&ketch, &spared, "{*");
    let mut publishers: Vec<Client> = (0..4).map(|_| ketch.client()).collect();

    let old = group.primary(0).unwrap();
    old.kill();
    ketch.wait("the end of the primary was seen", |ketch| {
        ketch.metric("ketch_node_connections", &[&format!("node=\"{}\"", old.address())]) == 0.0
    });
    for (n, publisher) in publishers.iter_mut().enumerate() {
        publisher.send(&["PUBLISH", &hit, &format!("held {n}")]).unwrap();
    }
    // The other shard goes on; the two patterns of `others` are waited for by nobody there.
    let mut publisher = ketch.client();
    assert_eq!(publisher.ask(&["PUBLISH", &spared, "meanwhile"]).unwrap(), Value::Integer(6));
    for hearer in &mut others {
        assert_eq!(message(hearer, &spared), "meanwhile");
    }
    group.wait_for_failover(0, old, FAILOVER).unwrap();
    for publisher in &mut publishers {
        // Six who named the channel or its pattern, and two of the others' patterns.
        assert_eq!(publisher.read().unwrap(), Value::Integer(8), "{}", ketch.last_words());
    }
    for n in 0..20 {
        assert_eq!(publisher.ask(&["PUBLISH", &hit, &format!("later {n}")]).unwrap(), Value::Integer(8));
    }
    for hearer in &mut all {
        let mut held: Vec<String> = (0..4).map(|_| message(hearer, &hit)).collect();
        held.sort();
        assert_eq!(held, ["held 0", "held 1", "held 2", "held 3"]);
        for n in 0..20 {
            assert_eq!(message(hearer, &hit), format!("later {n}"));
        }
        nothing_else(hearer);
    }
    let numsub = publisher.ask(&["PUBSUB", "NUMSUB", &hit]).unwrap();
    assert_eq!(numsub, Value::Array(vec![bulk(&hit), Value::Integer(4)]));
}

#[test]
fn a_planned_failover_takes_subscriptions_along_and_repeats_no_message() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "");
    let mut all = hearers(&ketch, "news", "n*");
    let mut publisher = ketch.client();
    let old = group.primary(0).unwrap();
    let (mut told, mut n, mut asked) = (Vec::new(), 0, false);
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3)
        || group.primary(0).is_none_or(|now| now.port() == old.port())
    {
        if began.elapsed() > Duration::from_millis(500) && !asked {
            asked = true;
            group.sentinel_failover(0).unwrap();
        }
        assert!(began.elapsed() < FAILOVER);
        match publisher.ask(&["PUBLISH", "news", &n.to_string()]).unwrap() {
            Value::Integer(6) => told.push(n),
            other => expect_error(&other, "OUTCOMEUNKNOWN"),
        }
        n += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    publisher.ask(&["PUBLISH", "news", "end"]).unwrap();
    for hearer in &mut all {
        let mut heard: Vec<i32> = Vec::new();
        loop {
            match message(hearer, "news").parse() {
                Ok(n) => heard.push(n),
                Err(_) => break,
            }
        }
        assert!(heard.is_sorted_by(|a, b| a < b), "in order, and each once");
        let missing = told.iter().filter(|n| heard.binary_search(n).is_err()).count();
        println!("{} of {n} were told to have arrived, {missing} of them did not", told.len());
        // What the old primary had answered when it went, and not yet said to its subscribers, is lost.
        assert!(missing <= 1, "{missing}");
        nothing_else(hearer);
    }
}
