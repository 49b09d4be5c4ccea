//! The words that rows are written in: flags without their type's name, and the reasons of what is
//! refused or not there yet. Each reason ends an error reply and says what to do instead.

pub(super) use crate::command::row::{
    Count, Finder, Flags, KeyFlags, Known, Local, Row, Split, after, all_after, at, channels, counted,
    half_after, range, row, somewhere,
};

macro_rules! words {
    ($type:ident: $($name:ident)*) => {
        $(pub(super) const $name: $type = $type::$name;)*
    };
}

words!(Flags: WRITE READONLY DENYOOM ADMIN PUBSUB NOSCRIPT BLOCKING LOADING STALE SKIP_MONITOR
    SKIP_COMMANDLOG ASKING FAST NO_AUTH NO_MANDATORY_KEYS NO_ASYNC_LOADING NO_MULTI MOVABLEKEYS ALLOW_BUSY);
words!(KeyFlags: RO RW OW RM);

// Not there yet.
pub(super) const BLOCKING_COMMAND: &str =
    "it would hold up everybody on a shared connection; use its form that does not block";
pub(super) const TRANSACTION: &str =
    "a transaction needs a connection of its own; use a script whose keys are on one shard";
pub(super) const PUB_SUB: &str =
    "publishing and subscribing need connections of their own; use a node directly";
pub(super) const WHOLE_POOL: &str = "it concerns the keys of all shards; ask each node directly";
pub(super) const EVERY_NODE: &str = "it concerns every node; load scripts on each node, or use EVAL";
pub(super) const CONNECTION_STATE: &str =
    "it is about the state of one connection, and connections are shared";
pub(super) const WAITING: &str =
    "it counts the replicas of one connection's writes, and connections are shared";
pub(super) const OTHER_DATABASE: &str = "it moves a key into another database; use COPY or DUMP and RESTORE";
pub(super) const MONITOR: &str = "it turns a connection into a stream; use it on a node directly";
pub(super) const ONE_SERVER: &str = "it is about one server; use `ketch node exec` to ask a node";
pub(super) const OWN: &str = "it is about this proxy's own parameters; change the configuration file";
pub(super) const CLUSTER: &str = "this pool is no Redis Cluster; its keys are placed by Ketch";
pub(super) const SENTINEL: &str = "ask a Sentinel, or connect to Ketch like to a Redis server";

// Never forwarded.
pub(super) const FAILOVER: &str = "Sentinel decides which node is primary; use `ketch failover`";
pub(super) const REPLICATION: &str = "replicas follow their primary directly; use the address of the node";
pub(super) const ONE_NODE: &str = "it acts on one node; use `ketch node exec` to reach it on purpose";
pub(super) const ACL: &str =
    "Ketch has its own users, in the configuration file; use `ketch node exec` for those of a node";
pub(super) const SWAPDB: &str =
    "connections to all databases are shared; use `ketch node exec` on each primary";
pub(super) const MIGRATE: &str = "it would copy to a server that Ketch doesn't know; use DUMP and RESTORE";
