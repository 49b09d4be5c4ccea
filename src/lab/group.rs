//! Shards and the Sentinels that watch them: everything that Ketch stands in front of.
//!
//! One group with Sentinels runs on a machine at a time: Sentinel stops failing over for 30 s when
//! its loop is late by two seconds, and takes a slow node for a dead one. So `start` waits its turn.

use core::net::IpAddr;
use core::time::Duration;
use std::fs::File;
use std::path::PathBuf;

use crate::base::Address;
use crate::lab::ports::try_lock;
use crate::lab::sentinel_conf::{SentinelFile, SentinelView};
use crate::lab::{Flavour, Home, LabError, NodeOptions, Program, Relay, Server, wait_for, wait_until};
use crate::resp::Value;

/// How long a group may have to wait for others to end.
const TURN_LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long a new group may take until all know all.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What a group consists of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The executable that has the verb `guard`.
    pub ketch: PathBuf,
    pub program: Program,
    pub shards: usize,
    /// Of each shard.
    pub replicas: usize,
    /// None: nothing watches the shards, and other groups may run at the same time.
    pub sentinels: usize,
    pub down_after: Duration,
    pub failover_timeout: Duration,
    /// Of the nodes.
    pub password: Option<String>,
    /// Of the Sentinels.
    pub sentinel_password: Option<String>,
    /// What everyone is announced by instead of 127.0.0.1: a name of it, or another loopback address.
    pub announce_host: Option<String>,
    /// Sentinels and nodes reach each node through a relay of its own, and Sentinels name that: a
    /// relay that is cut isolates its node from all but those who know `Server::address`.
    pub behind_relays: bool,
    /// How long to wait until no other group of Sentinels runs on this machine. `None`: not at all, and
    /// others don't wait for this one.
    pub turn_limit: Option<Duration>,
    /// More lines for each node's configuration.
    pub node_lines: Vec<String>,
}

impl Options {
    /// One shard with two replicas and three Sentinels, on redis-server from PATH. Change the rest.
    pub fn new(ketch: impl Into<PathBuf>) -> Result<Options, LabError> {
        Ok(Options::with(ketch, Program::redis()?))
    }

    /// One shard with two replicas and three Sentinels, all on that executable.
    pub fn with(ketch: impl Into<PathBuf>, program: Program) -> Options {
        // A Sentinel pings a primary that it has just switched to for the first time after up to a
        // second. With down-after at one second, Valkey's (9.1) was seen to take that for silence and to
        // fail over again at once.
        let down_after = match program.flavour {
            Flavour::Redis => Duration::from_millis(1000),
            Flavour::Valkey => Duration::from_millis(1500),
        };
        Options {
            ketch: ketch.into(),
            program,
            shards: 1,
            replicas: 2,
            sentinels: 3,
            down_after,
            failover_timeout: Duration::from_secs(5),
            password: None,
            sentinel_password: None,
            announce_host: None,
            behind_relays: false,
            turn_limit: Some(TURN_LIMIT),
            node_lines: Vec::new(),
        }
    }

    /// The loopback address beside 127.0.0.1 that servers have to listen on.
    fn other_host(&self) -> Option<String> {
        self.announce_host.clone().filter(|host| host != "127.0.0.1" && host.parse::<IpAddr>().is_ok())
    }
}

/// Nodes of one shard; the first one was its first primary.
pub struct Shard {
    name: String,
    nodes: Vec<Server>,
    /// As many as nodes, or none.
    relays: Vec<Relay>,
}

impl Shard {
    /// As Sentinel knows it: `shard1`, `shard2`, ...
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of them, whatever their role and state; the first one was the first primary.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }
}

/// Running shards and Sentinels. Dropping it ends all of them and removes their folder.
pub struct Group {
    shards: Vec<Shard>,
    sentinels: Vec<Server>,
    home: Home,
    _turn: Option<File>,
}

impl Group {
    /// Starts everything and waits until replicas are in sync and every Sentinel knows everyone.
    pub fn start(options: &Options) -> Result<Group, LabError> {
        let turn_limit = options.turn_limit.filter(|_| options.sentinels > 0);
        let turn = turn_limit.map(wait_for_turn).transpose()?;
        let home = Home::new(&options.ketch)?;
        let shards =
            (1..=options.shards).map(|n| start_shard(&home, options, n)).collect::<Result<_, _>>()?;
        let mut group = Group { shards, sentinels: Vec::new(), home, _turn: turn };
        group.wait_until_in_sync(READY_LIMIT)?;
        // Only now: a Sentinel asks a primary for its replicas at once, and then not for ten seconds.
        group.sentinels = group.start_sentinels(options)?;
        group.wait_until_ready(READY_LIMIT)?;
        Ok(group)
    }

    /// Where it runs: for starting a Ketch beside it, and for free ports.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// In the order of their numbers.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Nodes of the shard with that index, whatever their role and state.
    pub fn nodes(&self, shard: usize) -> &[Server] {
        &self.shards[shard].nodes
    }

    /// All of them, also dead ones.
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The relay in front of a node, in a group `behind_relays`.
    pub fn relay(&self, node: &Server) -> Option<&Relay> {
        let in_shard = |shard: &'_ Shard| shard.nodes.iter().position(|n| n.port() == node.port());
        self.shards.iter().find_map(|shard| shard.relays.get(in_shard(shard)?))
    }

    /// The node that most Sentinels name (without Sentinels: the one that says master), if it runs and
    /// itself says that it is the primary.
    pub fn primary(&self, shard: usize) -> Option<&Server> {
        if self.sentinels.is_empty() {
            return self.nodes(shard).iter().find(|node| node.is_running() && node.says_master());
        }
        self.named(shard).filter(|node| node.is_running() && node.says_master())
    }

    /// The running nodes of a shard that are not its primary.
    pub fn replicas(&self, shard: usize) -> Vec<&Server> {
        let primary = self.primary(shard).map(Server::port);
        self.nodes(shard).iter().filter(|node| node.is_running() && Some(node.port()) != primary).collect()
    }

    /// The node that most of the Sentinels name, dead or alive.
    pub fn named(&self, shard: usize) -> Option<&Server> {
        let name = &self.shards[shard].name;
        let named: Vec<u16> = self.sentinels.iter().filter_map(|s| named_by(s, name)).collect();
        let by_most = |node: &&Server| {
            let votes = named.iter().filter(|port| **port == node.announced().port).count();
            votes * 2 > self.sentinels.len()
        };
        self.nodes(shard).iter().find(by_most)
    }

    /// Waits until another node than `old` is named by most Sentinels and serves as primary.
    pub fn wait_for_failover(
        &self,
        shard: usize,
        old: &Server,
        limit: Duration,
    ) -> Result<&Server, LabError> {
        let what = format!("another primary of {} than {}", self.shards[shard].name, old.name());
        let other = || self.primary(shard).filter(|node| node.port() != old.port());
        let found = wait_for(limit, &what, other);
        self.check_tilt()?;
        found.map_err(|e| self.with_sentinel_log(e))
    }

    /// Asks a Sentinel for a failover of a healthy shard.
    pub fn sentinel_failover(&self, shard: usize) -> Result<(), LabError> {
        let name = &self.shards[shard].name;
        let sentinel = self.sentinels.iter().find(|s| s.is_running());
        let sentinel = sentinel.ok_or_else(|| LabError::Unexpected("no Sentinel runs".into()))?;
        match sentinel.ask(&["SENTINEL", "FAILOVER", name]).map_err(LabError::io("SENTINEL FAILOVER"))? {
            Value::Error(text) => Err(LabError::Unexpected(format!("SENTINEL FAILOVER {name}: {text}"))),
            _ => Ok(()),
        }
    }

    /// Waits until the group is whole again: in each shard the primary is named by all running
    /// Sentinels, all running nodes follow it and are in sync, every Sentinel knows everyone. After a
    /// dead primary was restarted it takes Sentinel about ten seconds to make a replica of it.
    pub fn wait_until_ready(&self, limit: Duration) -> Result<(), LabError> {
        self.wait_until_in_sync(limit)?;
        let ready = wait_until(limit, "every Sentinel knows everyone", || {
            (0..self.shards.len()).all(|shard| self.sentinels_know(shard))
        });
        self.check_tilt()?;
        ready.map_err(|e| self.with_sentinel_log(e))
    }

    /// Waits until all running nodes follow their shard's primary and are in sync with it.
    pub fn wait_until_in_sync(&self, limit: Duration) -> Result<(), LabError> {
        wait_until(limit, "replicas are in sync", || (0..self.shards.len()).all(|shard| self.in_sync(shard)))
    }

    /// An error if a Sentinel was in TILT at any time: nothing that was measured means anything then.
    pub fn check_tilt(&self) -> Result<(), LabError> {
        match self.sentinels.iter().find(|sentinel| sentinel.log().contains("+tilt")) {
            Some(sentinel) => Err(LabError::Tilt(sentinel.name().to_owned())),
            None => Ok(()),
        }
    }

    fn in_sync(&self, shard: usize) -> bool {
        let Some(primary) = self.primary(shard) else { return false };
        let replicas = self.replicas(shard);
        let follows = |node: &Server| {
            let field = |name: &str| node.info("replication", name);
            field("master_link_status").as_deref() == Some("up")
                && field("master_port").and_then(|p| p.parse().ok()) == Some(primary.announced().port)
        };
        let online = |i: usize| {
            primary
                .info("replication", &format!("slave{i}"))
                .is_some_and(|slave| slave.contains("state=online"))
        };
        replicas.iter().all(|node| follows(node)) && (0..replicas.len()).all(online)
    }

    fn sentinels_know(&self, shard: usize) -> bool {
        let nodes = self.nodes(shard).len();
        let others = self.sentinels.len().saturating_sub(1);
        let Some(primary) = self.primary(shard) else { return false };
        let replicas = self.replicas(shard);
        self.sentinels.iter().filter(|s| s.is_running()).all(|sentinel| {
            let view = SentinelView::ask(sentinel, &self.shards[shard].name);
            named_by(sentinel, &self.shards[shard].name) == Some(primary.announced().port)
                && view.is_some_and(|view| {
                    view.is_complete(nodes - 1, others)
                        && replicas.iter().all(|node| view.trusts_replica_at(node.announced().port))
                })
        })
    }

    fn start_sentinels(&self, options: &Options) -> Result<Vec<Server>, LabError> {
        let other_host = options.other_host();
        let file = SentinelFile {
            down_after: options.down_after,
            failover_timeout: options.failover_timeout,
            quorum: options.sentinels / 2 + 1,
            node_password: options.password.as_deref(),
            sentinel_password: options.sentinel_password.as_deref(),
            announce_host: options.announce_host.as_deref(),
            bind_also: other_host.as_deref(),
            shards: self.shards.iter().map(|s| (s.name.as_str(), s.nodes[0].announced())).collect(),
        };
        let start = |n: usize| {
            let port = self.home.port()?;
            let host = options.announce_host.as_deref().unwrap_or("127.0.0.1");
            let at = (port, Address::new(host, port));
            let text = file.text(port);
            let password = options.sentinel_password.clone();
            let name = format!("sentinel{n}");
            Server::spawn(&self.home, &options.program, &name, at, (&text, &["--sentinel"]), password)
        };
        let sentinels = (1..=options.sentinels).map(start).collect::<Result<Vec<_>, _>>()?;
        sentinels.iter().try_for_each(Server::wait_until_it_answers)?;
        Ok(sentinels)
    }

    fn with_sentinel_log(&self, error: LabError) -> LabError {
        match (error, self.sentinels.first()) {
            (LabError::TimedOut { what, limit, .. }, Some(sentinel)) => {
                LabError::TimedOut { what, limit, detail: sentinel.process().last_words() }
            }
            (error, _) => error,
        }
    }
}

/// The port of the primary that one Sentinel names.
fn named_by(sentinel: &Server, shard: &str) -> Option<u16> {
    if !sentinel.is_running() {
        return None;
    }
    let reply = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", shard]).ok()?;
    reply.elements()?.get(1)?.number().and_then(|port| u16::try_from(port).ok())
}

fn start_shard(home: &Home, options: &Options, number: usize) -> Result<Shard, LabError> {
    let mut shard = Shard { name: format!("shard{number}"), nodes: Vec::new(), relays: Vec::new() };
    for n in 1..=options.replicas + 1 {
        let port = home.port()?;
        let node = NodeOptions {
            replica_of: shard.nodes.first().map(|primary| primary.announced().clone()),
            password: options.password.clone(),
            announce: announced(home, options, port, &mut shard.relays)?,
            bind_also: options.other_host(),
            lines: options.node_lines.clone(),
        };
        let name = format!("{}-node{n}", shard.name);
        shard.nodes.push(Server::spawn_node(home, &options.program, &name, port, &node)?);
    }
    shard.nodes.iter().try_for_each(Server::wait_until_it_answers)?;
    Ok(shard)
}

/// Where a node is to be found by others, if that is not where it listens.
fn announced(
    home: &Home,
    options: &Options,
    port: u16,
    relays: &mut Vec<Relay>,
) -> Result<Option<Address>, LabError> {
    let host = options.announce_host.as_deref().unwrap_or("127.0.0.1");
    if options.behind_relays {
        let relay = Relay::start(home.port()?, ([127, 0, 0, 1], port).into())?;
        let address = Address::new("127.0.0.1", relay.address().port());
        relays.push(relay);
        return Ok(Some(address));
    }
    Ok(options.announce_host.as_ref().map(|_| Address::new(host, port)))
}

fn wait_for_turn(limit: Duration) -> Result<File, LabError> {
    let lock = || try_lock("sentinel-group.lock").transpose();
    let waited = wait_for(limit, "another group of Sentinels on this machine ends", lock);
    waited?.map_err(LabError::io("lock the machine's turn for Sentinels"))
}
