//! A small topology for the tests of the rooms above: one pool, one listener, one shard whose only node
//! nobody has heard of. Whatever needs no node is answered.

use std::sync::Arc;

use crate::base::{Address, Epoch, ListenerId, NodeId, PoolId, ShardId, Time};
use crate::config::{Context, ReadPolicy, Route, Source, check};
use crate::placement::{DISTRIBUTIONS, HASHES, Placement};
use crate::topology::{Gate, Health, HoldReason, ListenerInfo, Node, NodeState, Pool, Role, Shard, Topology};

const CONFIG: &str = r#"
[pool.main]
listen = "127.0.0.1:1"
shard = [{ name = "a", nodes = ["127.0.0.1:2"] }]
"#;

impl Topology {
    pub(crate) fn sample() -> Topology {
        let context = Context {
            hashes: HASHES,
            distributions: DISTRIBUTIONS,
            host_name: "sample",
            env: &[],
            read_file: &|_| Err(String::new()),
        };
        let checked = check(&Source { name: "sample", text: CONFIG }, &context).expect("a valid text");
        let config = Arc::clone(&checked.config.pools[0]);
        let placement = Placement::new(&config.hash, &config.distribution, None, &[("a", 1)]);
        let gate = Gate::Held { reason: HoldReason::NoPrimary, since: Time::ZERO };
        let node = Node {
            id: NodeId(1),
            shard: ShardId(0),
            address: Address::new("127.0.0.1", 2),
            socket: None,
            role: Role::Unknown,
            health: Health::Unknown,
            state: NodeState::Ready,
            serves_reads: false,
            facts: Arc::default(),
        };
        let pool = Pool {
            id: PoolId(0),
            placement: Arc::new(placement.expect("a valid placement")),
            shards: vec![Shard {
                id: ShardId(0),
                name: "a".into(),
                primary: None,
                gate,
                since: Time::ZERO,
                facts: Default::default(),
            }],
            nodes: vec![node],
            facts: Arc::default(),
            learned: Arc::default(),
            hold: core::time::Duration::from_secs(15),
            config,
        };
        let listener = ListenerInfo {
            id: ListenerId(0),
            pool: PoolId(0),
            address: Address::new("127.0.0.1", 1),
            announce: None,
            route: Route::Auto,
            reads: ReadPolicy::Primary,
        };
        Topology { epoch: Epoch(1), pools: vec![Arc::new(pool)], listeners: Arc::new([listener]) }
    }
}
