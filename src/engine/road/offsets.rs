//! What nodes say of replication, and how many replicas have what was written up to an offset.
//!
//! Offsets count one history, which has an id: those of different ids are never compared. Pure; who is asked,
//! and when, is `wait`'s.

use std::collections::BTreeMap;

use crate::base::{NodeId, Offset};

/// What INFO replication says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Replication {
    /// The id of the history that offsets belong to.
    pub(super) history: Box<[u8]>,
    pub(super) primary: bool,
    /// How far this node has come.
    pub(super) offset: Offset,
    /// How far its replicas have, as each has told it; about once a second.
    acknowledged: Vec<Offset>,
}

impl Replication {
    /// `None` where it is no such text.
    pub(super) fn of(reply: &[u8]) -> Option<Replication> {
        let text = core::str::from_utf8(reply).ok()?;
        let field = |name: &str| {
            let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            values.next().map(str::trim_end)
        };
        let primary = field("role")? == "master";
        let own = if primary { "master_repl_offset" } else { "slave_repl_offset" };
        Some(Replication {
            history: field("master_replid")?.as_bytes().into(),
            primary,
            offset: Offset(field(own)?.parse().ok()?),
            acknowledged: text.lines().filter_map(acknowledged).collect(),
        })
    }
}

/// `slave0:ip=10.0.0.1,port=6379,state=online,offset=42,lag=0`
fn acknowledged(line: &str) -> Option<Offset> {
    let (name, fields) = line.split_once(':')?;
    let number = name.strip_prefix("slave")?;
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let mut fields = fields.split(',').filter(|_| numbered);
    fields.clone().find(|field| *field == "state=online")?;
    fields.find_map(|field| field.strip_prefix("offset=")?.parse().ok()).map(Offset)
}

/// A place in a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    history: Box<[u8]>,
    offset: Offset,
}

impl Mark {
    /// What a primary has just now: all that was acknowledged before it was asked, and more.
    pub(super) fn now(primary: &Replication) -> Mark {
        Mark { history: primary.history.clone(), offset: primary.offset }
    }

    /// Where a primary's history begins: every replica that follows it has come there.
    pub(super) fn beginning(primary: &Replication) -> Mark {
        Mark { history: primary.history.clone(), offset: Offset(0) }
    }

    /// Whether a primary still writes the history that this is a place in.
    pub(super) fn belongs_to(&self, primary: &Replication) -> bool {
        self.history == primary.history
    }

    /// How many replicas have come as far, by what the primary has heard or by what they say themselves:
    /// the primary hears of them only now and then, and may have replicas that Ketch can't ask.
    pub(super) fn reached_by(&self, primary: &Replication, said: &BTreeMap<NodeId, Replication>) -> usize {
        if !self.belongs_to(primary) {
            return 0;
        }
        let heard = primary.acknowledged.iter().filter(|offset| **offset >= self.offset).count();
        let reached =
            |said: &&Replication| !said.primary && said.history == self.history && said.offset >= self.offset;
        heard.max(said.values().filter(reached).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = "$300\r\n# Replication\r\nrole:master\r\nconnected_slaves:3\r\n\
        slave0:ip=127.0.0.1,port=2,state=online,offset=90,lag=1\r\n\
        slave1:ip=127.0.0.1,port=3,state=wait_bgsave,offset=100,lag=0\r\n\
        slave2:ip=127.0.0.1,port=4,state=online,offset=100,lag=0,type=replica\r\n\
        master_failover_state:no-failover\r\nmaster_replid:aa\r\nmaster_replid2:bb\r\nmaster_repl_offset:110\r\n\
        second_repl_offset:5\r\n";

    fn replica(history: &str, offset: u64) -> Replication {
        let text = format!(
            "$9\r\n# Replication\r\nrole:slave\r\nmaster_link_status:up\r\nslave_read_repl_offset:999\r\n\
             slave_repl_offset:{offset}\r\nconnected_slaves:0\r\nmaster_replid:{history}\r\nmaster_repl_offset:7\r\n"
        );
        Replication::of(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_a_node_says_is_read() {
        let primary = Replication::of(PRIMARY.as_bytes()).unwrap();
        assert!(primary.primary && primary.offset == Offset(110) && &*primary.history == b"aa");
        assert_eq!(primary.acknowledged, [Offset(90), Offset(100)]);
        let other = replica("aa", 100);
        assert!(!other.primary && other.offset == Offset(100));
        for bad in [
            "",
            "-NOPERM no\r\n",
            "role:master\r\n",
            "role:slave\r\nmaster_replid:a\r\nslave_repl_offset:x\r\n",
        ] {
            assert_eq!(Replication::of(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn replicas_are_counted_that_have_come_as_far_in_the_same_history() {
        let primary = Replication::of(PRIMARY.as_bytes()).unwrap();
        let said = |all: &[(&str, u64)]| -> BTreeMap<NodeId, Replication> {
            all.iter().enumerate().map(|(i, (id, offset))| (NodeId(i as u32), replica(id, *offset))).collect()
        };
        let mark = |offset| Mark { history: (*b"aa").into(), offset: Offset(offset) };
        assert_eq!(mark(95).reached_by(&primary, &said(&[])), 1);
        assert_eq!(mark(110).reached_by(&primary, &said(&[("aa", 110), ("aa", 109)])), 1);
        assert_eq!(mark(110).reached_by(&primary, &said(&[("aa", 110), ("aa", 111)])), 2);
        assert_eq!(mark(110).reached_by(&primary, &said(&[("bb", 200)])), 0);
        assert_eq!(Mark::beginning(&primary).reached_by(&primary, &said(&[])), 2);
        assert_eq!(Mark::now(&primary).reached_by(&primary, &said(&[("aa", 110)])), 1);
        let other = Mark { history: (*b"bb").into(), offset: Offset(1) };
        assert_eq!(other.reached_by(&primary, &said(&[("bb", 9)])), 0);
    }
}
