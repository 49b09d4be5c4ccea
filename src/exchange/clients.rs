//! One client as others see it, and which clients are meant: the vocabulary of CLIENT LIST and CLIENT KILL.
//!
//! How a filter is written in a request, and which mistakes there are, is not known here.

use core::fmt::{self, Display};
use core::net::SocketAddr;

use crate::base::Address;

/// Redis's kinds of clients. Ketch has no masters and replicas among its clients, but they may be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientKind {
    Normal,
    Pubsub,
    Primary,
    Replica,
}

/// What is told of a client, borrowed from wherever it lies. Its `Display` is a line of CLIENT LIST, without
/// the line's end.
pub struct ClientCard<'a> {
    pub number: u64,
    pub peer: SocketAddr,
    /// Ketch's end of the connection, where the driver told it.
    pub local: Option<SocketAddr>,
    pub listener: &'a Address,
    pub name: &'a [u8],
    pub lib_name: &'a [u8],
    pub lib_version: &'a [u8],
    pub user: &'a str,
    /// Seconds since it connected, and since it was heard last.
    pub age: u64,
    pub idle: u64,
    /// Redis's letters, in Redis's order; empty for none.
    pub flags: String,
    pub kind: ClientKind,
    pub db: u32,
    /// To channels, to patterns, to shard channels.
    pub subscriptions: [usize; 3],
    /// Commands of the transaction that it is in.
    pub queued: Option<usize>,
    pub watched: usize,
    /// Bytes of requests that wait, of replies that wait to be written, of replies that wait for others, and
    /// of all that is kept for it.
    pub input: usize,
    pub output: usize,
    pub parked: usize,
    pub memory: usize,
    pub reading: bool,
    /// The name of its last command; `None` before the first, and where nobody knows it.
    pub command: Option<&'static str>,
    /// To which client its invalidations go; -1 where keys are not tracked.
    pub redirect: i64,
    pub resp: u8,
    pub received: u64,
    pub sent: u64,
    pub commands: u64,
}

/// A trait of a client. Texts are compared as CLIENT LIST shows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trait {
    /// One of these.
    Number(Vec<u64>),
    Kind(ClientKind),
    Address(Vec<u8>),
    LocalAddress(Vec<u8>),
    Ip(Vec<u8>),
    User(Vec<u8>),
    Name(Vec<u8>),
    LibName(Vec<u8>),
    LibVersion(Vec<u8>),
    Db(u32),
    /// It has all of these letters.
    Flags(Vec<u8>),
    /// Connected for at least as many seconds.
    Age(u64),
    /// Said nothing for at least as many seconds.
    Idle(u64),
}

/// A trait that a client must have, or must not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    pub not: bool,
    pub of: Trait,
}

/// Which clients are meant: those for which every condition holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientFilter {
    conditions: Vec<Condition>,
    /// Not this one, whatever it is like.
    pub but: Option<u64>,
}

impl ClientKind {
    pub fn from_word(word: &[u8]) -> Option<ClientKind> {
        let kinds = [
            ("normal", ClientKind::Normal),
            ("pubsub", ClientKind::Pubsub),
            ("master", ClientKind::Primary),
            ("replica", ClientKind::Replica),
            ("slave", ClientKind::Replica),
        ];
        kinds.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, kind)| *kind)
    }
}

impl ClientFilter {
    /// The one client of that number.
    pub fn of_number(number: u64) -> ClientFilter {
        let mut filter = ClientFilter::default();
        filter.add(Condition { not: false, of: Trait::Number(vec![number]) });
        filter
    }

    /// A condition more. As in Redis, the second one of the same kind takes the place of the first.
    pub fn add(&mut self, condition: Condition) {
        let same = |other: &Condition| {
            other.not == condition.not
                && core::mem::discriminant(&other.of) == core::mem::discriminant(&condition.of)
        };
        self.conditions.retain(|other| !same(other));
        self.conditions.push(condition);
    }

    pub fn means(&self, client: &ClientCard<'_>) -> bool {
        self.but != Some(client.number) && self.conditions.iter().all(|c| c.of.is_of(client) != c.not)
    }

    /// Where a client stands in an answer: by its number; where clients are asked for by theirs, as often and
    /// in the order in which they were named.
    pub fn places(&self, number: u64) -> Vec<u64> {
        match self.conditions.iter().find(|c| !c.not && matches!(c.of, Trait::Number(_))) {
            Some(Condition { of: Trait::Number(numbers), .. }) => {
                let places = numbers.iter().enumerate().filter(|(_, n)| **n == number);
                places.map(|(place, _)| place as u64).collect()
            }
            _ => vec![number],
        }
    }
}

impl Trait {
    fn is_of(&self, client: &ClientCard<'_>) -> bool {
        match self {
            Trait::Number(numbers) => numbers.contains(&client.number),
            Trait::Kind(kind) => client.kind == *kind,
            Trait::Address(address) => client.peer.to_string().as_bytes() == address,
            Trait::LocalAddress(address) => client.local_address().as_bytes() == address,
            Trait::Ip(ip) => client.peer.ip().to_string().as_bytes() == ip,
            Trait::User(user) => client.user.as_bytes() == user,
            Trait::Name(name) => client.name == name,
            Trait::LibName(name) => client.lib_name == name,
            Trait::LibVersion(version) => client.lib_version == version,
            Trait::Db(db) => client.db == *db,
            Trait::Flags(flags) => flags.iter().all(|flag| client.letters().as_bytes().contains(flag)),
            Trait::Age(seconds) => client.age >= *seconds,
            Trait::Idle(seconds) => client.idle >= *seconds,
        }
    }
}

impl ClientCard<'_> {
    fn local_address(&self) -> String {
        self.local.map_or_else(|| self.listener.to_string(), |local| local.to_string())
    }

    fn letters(&self) -> &str {
        if self.flags.is_empty() { "N" } else { &self.flags }
    }
}

/// The fields of Redis 7.0 in its order, then those that came later. What would be a server's own memory
/// (`argv-mem` and the like) is 0: readers want the field, and there is no such thing here.
impl Display for ClientCard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [channels, patterns, shard_channels] = self.subscriptions;
        let queued = self.queued.map_or(-1, |n| n as i64);
        let events = match (self.reading, self.output > 0) {
            (true, true) => "rw",
            (true, false) => "r",
            (false, true) => "w",
            (false, false) => "",
        };
        write!(f, "id={} addr={} laddr={} fd=-1", self.number, self.peer, self.local_address())?;
        write!(f, " name={} age={} idle={}", text(self.name), self.age, self.idle)?;
        write!(f, " flags={} db={} sub={channels} psub={patterns}", self.letters(), self.db)?;
        write!(f, " ssub={shard_channels} multi={queued} qbuf={} qbuf-free=0", self.input)?;
        write!(f, " argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={} oll=0", self.output)?;
        write!(f, " omem={} tot-mem={} events={events}", self.parked, self.memory)?;
        write!(f, " cmd={} user={}", self.command.unwrap_or("NULL"), self.user)?;
        write!(f, " redir={} resp={}", self.redirect, self.resp)?;
        write!(f, " lib-name={} lib-ver={}", text(self.lib_name), text(self.lib_version))?;
        write!(f, " watch={} capa= tot-net-in={}", self.watched, self.received)?;
        write!(f, " tot-net-out={} tot-cmds={}", self.sent, self.commands)
    }
}

fn text(bytes: &[u8]) -> impl Display {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(listener: &Address) -> ClientCard<'_> {
        ClientCard {
            number: 7,
            peer: "10.0.0.9:50000".parse().unwrap(),
            local: Some("10.0.0.1:6379".parse().unwrap()),
            listener,
            name: b"worker",
            lib_name: b"redis-py",
            lib_version: b"5.0",
            user: "default",
            age: 50,
            idle: 10,
            flags: String::new(),
            kind: ClientKind::Normal,
            db: 3,
            subscriptions: [0; 3],
            queued: None,
            watched: 0,
            input: 26,
            output: 0,
            parked: 0,
            memory: 500,
            reading: true,
            command: Some("client|list"),
            redirect: -1,
            resp: 2,
            received: 100,
            sent: 200,
            commands: 5,
        }
    }

    #[test]
    fn a_line_has_the_fields_of_redis_in_its_order_and_then_the_newer_ones() {
        let listener = Address::new("0.0.0.0", 6379);
        assert_eq!(
            card(&listener).to_string(),
            "id=7 addr=10.0.0.9:50000 laddr=10.0.0.1:6379 fd=-1 name=worker age=50 idle=10 flags=N db=3 sub=0 psub=0 \
             ssub=0 multi=-1 qbuf=26 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=500 \
             events=r cmd=client|list user=default redir=-1 resp=2 lib-name=redis-py lib-ver=5.0 watch=0 capa= \
             tot-net-in=100 tot-net-out=200 tot-cmds=5"
        );
    }

    #[test]
    fn each_trait_is_found_and_its_opposite_is_not() {
        let listener = Address::new("0.0.0.0", 6379);
        let card = card(&listener);
        let text = |text: &str| text.as_bytes().to_vec();
        for (of, is) in [
            (Trait::Number(vec![1, 7]), true),
            (Trait::Number(vec![1]), false),
            (Trait::Kind(ClientKind::Normal), true),
            (Trait::Kind(ClientKind::Pubsub), false),
            (Trait::Address(text("10.0.0.9:50000")), true),
            (Trait::Address(text("10.0.0.9:50001")), false),
            (Trait::LocalAddress(text("10.0.0.1:6379")), true),
            (Trait::LocalAddress(text("0.0.0.0:6379")), false),
            (Trait::Ip(text("10.0.0.9")), true),
            (Trait::User(text("default")), true),
            (Trait::User(text("other")), false),
            (Trait::Name(text("worker")), true),
            (Trait::LibName(text("redis-py")), true),
            (Trait::LibVersion(text("6")), false),
            (Trait::Db(3), true),
            (Trait::Flags(text("N")), true),
            (Trait::Flags(text("Nb")), false),
            (Trait::Age(50), true),
            (Trait::Age(51), false),
            (Trait::Idle(11), false),
        ] {
            let filter = |not| {
                let mut filter = ClientFilter::default();
                filter.add(Condition { not, of: of.clone() });
                filter
            };
            assert_eq!((filter(false).means(&card), filter(true).means(&card)), (is, !is), "{of:?}");
        }
    }

    #[test]
    fn all_conditions_must_hold_the_later_of_a_kind_counts_and_one_may_be_left_out() {
        let listener = Address::new("0.0.0.0", 6379);
        let card = card(&listener);
        let mut filter = ClientFilter::default();
        assert!(filter.means(&card));
        filter.add(Condition { not: false, of: Trait::Name(b"other".to_vec()) });
        filter.add(Condition { not: false, of: Trait::Name(b"worker".to_vec()) });
        assert!(filter.means(&card));
        filter.add(Condition { not: true, of: Trait::Name(b"worker".to_vec()) });
        assert!(!filter.means(&card));
        let mut filter = ClientFilter::of_number(7);
        assert!(filter.means(&card));
        filter.but = Some(7);
        assert!(!filter.means(&card));
    }

    #[test]
    fn clients_asked_for_by_number_stand_where_they_were_named() {
        assert_eq!(ClientFilter::default().places(9), [9]);
        let mut filter = ClientFilter::default();
        filter.add(Condition { not: false, of: Trait::Number(vec![5, 9, 5]) });
        assert_eq!((filter.places(5), filter.places(9)), (vec![0, 2], vec![1]));
    }
}
