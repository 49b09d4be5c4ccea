//! A pool to answer about, and a client that asks; for the tests of this folder.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use crate::base::{Address, ByteSize, Epoch, ListenerId, NodeId, PoolId, ShardId, Time};
use crate::command::Local;
use crate::config::{self, PoolConfig, ReadPolicy, Route};
use crate::engine::clients::Mode;
use crate::metrics::Registry;
use crate::placement::Placement;
use crate::resp::{Protocol, Span, Value};
use crate::topology::{
    Gate, Health, HoldReason, ListenerInfo, Node, NodeState, Pool, ProcessFacts, Role, Shard, Topology, Usage,
};

use super::{Args, Client, Context, Effect, answer};

pub(super) struct Fixture {
    topology: Topology,
    facts: ProcessFacts,
    pub(super) registry: Registry,
    pub(super) name: Vec<u8>,
    pub(super) authenticated: bool,
    pub(super) protocol: Protocol,
    /// Ketch's end of the connection.
    pub(super) local: Option<SocketAddr>,
}

impl Fixture {
    /// Pool `main` after `change`: shard `a` with a primary and a replica, shard `b` in a failover.
    pub(super) fn new(change: impl FnOnce(&mut PoolConfig)) -> Fixture {
        let mut config = config();
        change(&mut config);
        Fixture {
            topology: Topology {
                epoch: Epoch(5),
                pools: vec![Arc::new(pool(config))],
                listeners: listeners(Route::Auto),
            },
            facts: ProcessFacts::new(2),
            registry: Registry::new(),
            name: Vec::new(),
            authenticated: true,
            protocol: Protocol::Resp2,
            local: None,
        }
    }

    /// The route of the listener that the client is connected to; the pool's other one is `auto`.
    pub(super) fn route(&mut self, route: Route) {
        self.topology.listeners = listeners(route);
    }

    /// The primaries tell how many databases they have.
    pub(super) fn databases(&self, numbers: &[u32]) {
        let pool = &self.topology.pools[0];
        for (shard, number) in pool.shards.iter().zip(numbers) {
            let node = shard.primary.and_then(|id| pool.node(id)).unwrap();
            node.facts.has_databases(*number);
        }
    }

    /// Clients are told that they find that listener there.
    pub(super) fn announce(&mut self, listener: usize, address: Address) {
        let mut listeners = self.topology.listeners.to_vec();
        listeners[listener].announce = Some(address);
        self.topology.listeners = listeners.into();
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.topology.pools[0]
    }

    pub(super) fn usage(&self) -> &Usage {
        &self.facts.usage
    }

    pub(super) fn lose_primaries(&mut self) {
        let mut pool = Pool::clone(&self.topology.pools[0]);
        pool.shards.iter_mut().for_each(|shard| shard.primary = None);
        self.topology.pools[0] = Arc::new(pool);
    }

    /// The reply to the words of `request`, and what becomes of the client.
    pub(super) fn ask(&self, local: Local, request: &str) -> (String, Effect) {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        self.ask_words(local, &words)
    }

    pub(super) fn ask_words(&self, local: Local, words: &[&[u8]]) -> (String, Effect) {
        let (mut request, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span { start: request.len() as u32, len: word.len() as u32 });
            request.extend_from_slice(word);
        }
        let cx = Context {
            topology: &self.topology,
            pool: &self.topology.pools[0],
            listener: &self.topology.listeners[0],
            facts: &self.facts,
            registry: &self.registry,
            client: Client {
                number: 7,
                local: self.local,
                name: &self.name,
                authenticated: self.authenticated,
                protocol: self.protocol,
            },
            now: Time::from_millis(60_000),
            wall: Duration::new(1_700_000_000, 2_500_000),
        };
        let mut out = b"before".to_vec();
        let effect = answer(local, &cx, Args::new(&request, &spans), &mut out);
        let reply = out.strip_prefix(b"before").expect("only appended").to_vec();
        let silent =
            matches!(effect, Effect::Ask(_) | Effect::Pause(_) | Effect::Replies(Mode::Off | Mode::Skip));
        if silent {
            assert!(reply.is_empty(), "no reply: {:?}", String::from_utf8_lossy(&reply));
            return (String::new(), effect);
        }
        let (_, len) = Value::parse(&reply).expect("RESP").expect("complete");
        assert_eq!(len, reply.len(), "one reply: {:?}", String::from_utf8_lossy(&reply));
        (String::from_utf8_lossy(&reply).into_owned(), effect)
    }

    #[track_caller]
    pub(super) fn check(&self, local: Local, request: &str, reply: &str, effect: Effect) {
        assert_eq!(self.ask(local, request), (reply.to_owned(), effect), "{request}");
    }

    #[track_caller]
    pub(super) fn check_words(&self, local: Local, words: &[&[u8]], reply: &str, effect: Effect) {
        assert_eq!(self.ask_words(local, words), (reply.to_owned(), effect), "{words:?}");
    }

    #[track_caller]
    pub(super) fn check_error(&self, local: Local, request: &str, begins: &str, label: &'static str) {
        let (reply, effect) = self.ask(local, request);
        assert!(reply.starts_with(begins), "{request}: {reply}");
        assert_eq!(effect, Effect::Refused(label), "{request}");
    }
}

fn config() -> PoolConfig {
    let shard =
        |name: &str| config::ShardConfig { name: name.into(), weight: 1, master: name.into(), nodes: vec![] };
    PoolConfig {
        name: "main".into(),
        listeners: vec![],
        source: config::SourceConfig::Static,
        shards: vec![shard("a"), shard("b")],
        hash: "fnv1a_64".into(),
        distribution: "ketama".into(),
        hash_tag: Some(*b"{}"),
        db: 0,
        reads: ReadPolicy::Primary,
        cross_shard_writes: true,
        insecure: false,
        hold: None,
        hold_max: 100,
        hold_max_bytes: ByteSize::mib(1),
        read_retries: 2,
        sentinel_refresh: Duration::from_secs(10),
        forget_after: Duration::from_secs(60),
        address_map: vec![],
        timeouts: config::Timeouts::default(),
        limits: config::Limits::default(),
        auth: config::NodeAuth::default(),
        users: vec![],
        health: config::HealthRules::default(),
    }
}

/// The client's, and another one of the pool on every interface.
fn listeners(route: Route) -> Arc<[ListenerInfo]> {
    let listener = |id, host: &str, port, route| ListenerInfo {
        id: ListenerId(id),
        pool: PoolId(0),
        address: Address::new(host, port),
        announce: None,
        route,
        reads: ReadPolicy::Primary,
    };
    Arc::new([listener(0, "127.0.0.1", 6380, route), listener(1, "0.0.0.0", 6390, Route::Auto)])
}

fn pool(config: PoolConfig) -> Pool {
    let node = |id: u32, shard, role| Node {
        id: NodeId(id),
        shard: ShardId(shard),
        address: Address::new("127.0.0.1", 7000 + id as u16),
        socket: None,
        role,
        health: Health::Up,
        state: NodeState::Ready,
        serves_reads: role == Role::Replica,
        facts: Arc::default(),
    };
    let shard = |id: u16, name: &str, primary: u32, gate| Shard {
        id: ShardId(id),
        name: name.into(),
        primary: Some(NodeId(primary)),
        gate,
        since: Time::ZERO,
        facts: Arc::default(),
    };
    let moving = Gate::Held { reason: HoldReason::Moving, since: Time::ZERO };
    Pool {
        id: PoolId(0),
        config: Arc::new(config),
        placement: Arc::new(
            Placement::new("fnv1a_64", "ketama", Some(*b"{}"), &[("a", 1), ("b", 1)]).unwrap(),
        ),
        shards: vec![shard(0, "a", 1, Gate::Open), shard(1, "b", 3, moving)],
        nodes: vec![node(1, 0, Role::Primary), node(2, 0, Role::Replica), node(3, 1, Role::Primary)],
        facts: Arc::default(),
        learned: Arc::default(),
        hold: Duration::from_secs(15),
    }
}
