//! What is asked of a Sentinel, and its replies as views. Bytes and trees only: no socket here.
//!
//! The primary's address comes from `get-master-addr-by-name`. `SENTINEL master` has an ip and a port
//! too, which are never looked at: a leading Sentinel shows the old address there beside the new epoch
//! for over a second of each failover.

use core::time::Duration;

use crate::base::{Address, PoolId, ShardId, Time};
use crate::config::ShardConfig;
use crate::control::asker::AskError;
use crate::failover::mapped;
use crate::resp::{Value, command};
use crate::topology::{NodeFailure, SentinelView};

/// Questions about one shard.
const PER_SHARD: usize = 4;

/// What one Sentinel says when it is asked about all shards of a pool.
#[derive(PartialEq, Debug)]
pub(super) struct Said {
    pub(super) views: Vec<SentinelView>,
    /// Names that it watches no master of.
    pub(super) unknown: Vec<String>,
    /// The other Sentinels that it knows, with their run ids.
    pub(super) others: Vec<(Address, String)>,
}

/// One pipeline about all shards, and how many replies it will have.
pub(super) fn questions(shards: &[ShardConfig]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    for shard in shards {
        for question in ["get-master-addr-by-name", "master", "replicas", "sentinels"] {
            command(&mut out, &["SENTINEL", question, &shard.master]);
        }
    }
    command(&mut out, &["INFO", "sentinel"]);
    (out, shards.len() * PER_SHARD + 1)
}

/// A message of a Sentinel's event channels, and not the confirmation of a subscription or the answer to
/// a PING: the event's name, and what it is about.
pub(super) fn event(value: &Value) -> Option<(&str, &str)> {
    match value.elements()? {
        [kind, _, name, about] if kind.text() == Some("pmessage") => Some((name.text()?, about.text()?)),
        _ => None,
    }
}

/// The replica that an event says was selected, and the master's name: `slave NAME IP PORT @ MASTER IP
/// PORT` (`sentinelEvent` in Redis's `sentinel.c`).
pub(super) fn selected<'a>(
    (name, about): (&str, &'a str),
    address_map: &[(String, String)],
) -> Option<(Address, &'a str)> {
    let words: Vec<&str> = about.split(' ').collect();
    match (name, words.as_slice()) {
        ("+selected-slave", ["slave", _, host, port, "@", master, ..]) => {
            Some((mapped(address_map, &Address::new(*host, port.parse().ok()?)), *master))
        }
        _ => None,
    }
}

/// Who answers, for which pool, when.
pub(super) struct Answerer<'a> {
    pub(super) pool: PoolId,
    pub(super) address_map: &'a [(String, String)],
    /// The Sentinel's run id.
    pub(super) sentinel: &'a str,
    pub(super) at: Time,
}

impl Answerer<'_> {
    /// Reads the replies to `questions` about the same shards.
    pub(super) fn read(&self, replies: &[Value], shards: &[ShardConfig]) -> Result<Said, AskError> {
        let mut said = Said { views: Vec::new(), unknown: Vec::new(), others: Vec::new() };
        let info = replies.last().and_then(Value::text);
        let tilt = info.is_some_and(|info| info.contains("sentinel_tilt:1"));
        for ((index, shard), replies) in (0..).zip(shards).zip(replies.chunks_exact(PER_SHARD)) {
            if let Value::Error(text) = &replies[0] {
                return Err(refused(text));
            }
            match self.view(ShardId(index), tilt, replies) {
                Some(view) => said.views.push(view),
                None => said.unknown.push(shard.master.clone()),
            }
            for (address, entry) in self.addresses(&replies[3]) {
                let run_id = field(entry, "runid").filter(|id| !id.is_empty());
                said.others.extend(run_id.map(|id| (address, id.to_owned())));
            }
        }
        Ok(said)
    }

    fn view(&self, shard: ShardId, tilt: bool, replies: &[Value]) -> Option<SentinelView> {
        let [host, port] = replies[0].elements()? else { return None };
        let primary = Address::new(host.text()?, u16::try_from(port.number()?).ok()?);
        let number = |name| field(&replies[1], name).and_then(|text| text.parse::<u64>().ok());
        Some(SentinelView {
            pool: self.pool,
            shard,
            sentinel: self.sentinel.to_owned(),
            primary: mapped(self.address_map, &primary),
            config_epoch: number("config-epoch")?,
            replicas: self.addresses(&replies[2]).map(|(address, _)| address).collect(),
            tilt,
            other_sentinels: usize::try_from(number("num-other-sentinels")?).ok()?,
            down_after: Duration::from_millis(number("down-after-milliseconds").unwrap_or_default()),
            at: self.at,
        })
    }

    /// Entries of `SENTINEL replicas` or `sentinels` that have an address. An instance that Sentinel
    /// has only just met can be listed without a port.
    fn addresses<'v>(&self, list: &'v Value) -> impl Iterator<Item = (Address, &'v Value)> {
        let entries = list.elements().unwrap_or_default();
        entries.iter().filter_map(|entry| {
            let port = field(entry, "port")?.parse::<u16>().ok().filter(|port| *port > 0)?;
            let host = field(entry, "ip").filter(|host| !host.is_empty())?;
            Some((mapped(self.address_map, &Address::new(host, port)), entry))
        })
    }
}

/// An error instead of an address: whoever answers is no Sentinel, or wants a password.
fn refused(text: &str) -> AskError {
    let failure = match text.split(' ').next() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => NodeFailure::Refused,
        _ => NodeFailure::Protocol,
    };
    AskError { failure, detail: text.to_owned() }
}

/// A field of an entry: a map in RESP3, names and values in turn in RESP2.
fn field<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    match entry {
        Value::Map(pairs) => pairs.iter().find(|(k, _)| k.text() == Some(name))?.1.text(),
        other => other.elements()?.chunks_exact(2).find(|pair| pair[0].text() == Some(name))?[1].text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.as_bytes().to_vec())
    }

    fn entry(fields: &[(&str, &str)]) -> Value {
        Value::Array(fields.iter().flat_map(|(k, v)| [bulk(k), bulk(v)]).collect())
    }

    fn master(epoch: &str) -> Value {
        entry(&[
            ("name", "one"),
            ("ip", "172.17.0.9"),
            ("port", "1"),
            ("config-epoch", epoch),
            ("num-other-sentinels", "2"),
            ("down-after-milliseconds", "1500"),
        ])
    }

    fn shard(name: &str) -> ShardConfig {
        ShardConfig { name: name.into(), weight: 1, master: name.into(), nodes: Vec::new() }
    }

    fn read(replies: &[Value], shards: &[&str]) -> Result<Said, AskError> {
        let address_map = [("172.17.0.2".to_owned(), "10.0.0.2".to_owned())];
        let at = Time::from_millis(5);
        let shards: Vec<ShardConfig> = shards.iter().map(|s| shard(s)).collect();
        Answerer { pool: PoolId(0), address_map: &address_map, sentinel: "id", at }.read(replies, &shards)
    }

    #[test]
    fn the_address_is_never_taken_from_sentinel_master() {
        let replies = [
            Value::Array(vec![bulk("172.17.0.2"), bulk("6379")]),
            master("7"),
            Value::Array(vec![
                entry(&[("name", "x"), ("ip", "172.17.0.2"), ("port", "6380")]),
                entry(&[("name", "y"), ("ip", "172.17.0.3"), ("port", "0")]),
            ]),
            Value::Array(vec![entry(&[("ip", "172.17.0.2"), ("port", "26379"), ("runid", "abc")])]),
            bulk("# Sentinel\r\nsentinel_masters:1\r\nsentinel_tilt:1\r\n"),
        ];
        let said = read(&replies, &["one"]).unwrap();
        assert_eq!(
            said.views,
            [SentinelView {
                pool: PoolId(0),
                shard: ShardId(0),
                sentinel: "id".into(),
                primary: Address::new("10.0.0.2", 6379),
                config_epoch: 7,
                replicas: vec![Address::new("10.0.0.2", 6380)],
                tilt: true,
                other_sentinels: 2,
                down_after: Duration::from_millis(1500),
                at: Time::from_millis(5),
            }]
        );
        assert_eq!(said.others, [(Address::new("10.0.0.2", 26379), "abc".to_owned())]);
    }

    #[test]
    fn only_the_selection_of_a_replica_is_read_out_of_an_event() {
        let about = "slave 10.0.0.2:6379 10.0.0.2 6379 @ one 10.0.0.1 6379";
        let map = [("10.0.0.2".to_owned(), "10.0.0.9".to_owned())];
        let message = |kind: &str, name: &str| Value::Array([kind, "*", name, about].map(bulk).to_vec());
        let message = |kind: &str, name: &str| {
            let value = message(kind, name);
            event(&value).map(|event| selected(event, &map).map(|(at, master)| format!("{at} {master}")))
        };
        assert_eq!(message("pmessage", "+selected-slave"), Some(Some("10.0.0.9:6379 one".to_owned())));
        assert_eq!(message("pmessage", "+promoted-slave"), Some(None));
        assert_eq!(message("pong", "+selected-slave"), None);
        assert_eq!(selected(("+selected-slave", "master one 10.0.0.1 6379"), &map), None);
    }

    #[test]
    fn a_master_that_it_does_not_know_is_told_and_the_others_are_read() {
        let error = || Value::Error("ERR No such master with that name".into());
        let replies = [
            Value::Nil,
            error(),
            error(),
            error(),
            Value::Array(vec![bulk("10.0.0.1"), bulk("6379")]),
            master("0"),
            Value::Array(Vec::new()),
            Value::Array(Vec::new()),
            bulk("sentinel_tilt:0"),
        ];
        let said = read(&replies, &["nobody", "one"]).unwrap();
        assert_eq!(said.unknown, ["nobody"]);
        assert_eq!(said.views.len(), 1);
        assert_eq!((said.views[0].shard, said.views[0].tilt), (ShardId(1), false));
    }

    #[test]
    fn who_is_no_sentinel_is_told_apart_from_who_wants_a_password() {
        for (text, failure) in [
            ("ERR unknown command 'SENTINEL', with args beginning with: ", NodeFailure::Protocol),
            ("NOAUTH Authentication required.", NodeFailure::Refused),
        ] {
            let replies: Vec<Value> = (0..5).map(|_| Value::Error(text.into())).collect();
            let error = read(&replies, &["one"]).unwrap_err();
            assert_eq!((error.failure, error.detail.as_str()), (failure, text));
        }
    }

    #[test]
    fn as_many_replies_are_awaited_as_there_are_questions() {
        let (mut bytes, count) = questions(&[shard("one"), shard("two")]);
        let mut seen = 0;
        while let Some((_, len)) = Value::parse(&bytes).unwrap() {
            bytes.drain(..len);
            seen += 1;
        }
        assert_eq!((seen, count), (9, 9));
    }
}
