//! Commands of Redis Cluster. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("asking", 1, &[FAST], &[])
        .doc(
            "3.0.0",
            "O(1)",
            "Lets the next command of the connection reach a slot that the node is still importing.",
        )
        .categories_are(&["@connection"])
        .local(Local::NoCluster),
    row("cluster", -2, &[], &[])
        .doc("3.0.0", "that of the subcommand", "Groups what is asked of, and done to, a node of a cluster.")
        .local(Local::NoCluster),
    row("cluster|addslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(N) for N slots", "Makes the node responsible for the given slots.")
        .local(Local::NoCluster),
    row("cluster|addslotsrange", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "7.0.0",
            "O(N) for N slots in the ranges",
            "Makes the node responsible for every slot of the given ranges.",
        )
        .local(Local::NoCluster),
    row("cluster|bumpepoch", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Raises the configuration epoch of the node above all that it knows.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|cancelslotmigrations", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("9.0.0", "O(N) for N migrations under way", "Stops every migration of slots that is under way.")
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|count-failure-reports", 3, &[ADMIN, STALE], &[])
        .doc("3.0.0", "O(N) for N reports", "Counts the nodes that report a certain node as failing.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|countkeysinslot", 3, &[STALE], &[])
        .doc("3.0.0", "O(1)", "Counts the keys that the node holds in one slot.")
        .local(Local::NoCluster),
    row("cluster|delslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(N) for N slots", "Makes the node forget who is responsible for the given slots.")
        .local(Local::NoCluster),
    row("cluster|delslotsrange", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "7.0.0",
            "O(N) for N slots in the ranges",
            "Makes the node forget who is responsible for every slot of the given ranges.",
        )
        .local(Local::NoCluster),
    row("cluster|failover", -2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Makes this replica take over from its primary.")
        .local(Local::NoCluster),
    row("cluster|flushslot", -3, &[WRITE, ADMIN, NO_ASYNC_LOADING], &[])
        .doc("9.0.0", "O(N) for N keys in the slot", "Deletes every key of one slot.")
        .categories_are(&["@keyspace"])
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|flushslots", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Makes the node give up all of its slots.")
        .local(Local::NoCluster),
    row("cluster|forget", 3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Drops another node from the list of those that this one knows.")
        .local(Local::NoCluster),
    row("cluster|getkeysinslot", 4, &[STALE], &[])
        .doc("3.0.0", "O(N) for N keys asked for", "Names some of the keys that the node holds in one slot.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|getslotmigrations", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N) for N migrations under way",
            "Tells how far migrations of slots are, and how the latest ones ended.",
        )
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of CLUSTER.")
        .local(Local::NoCluster),
    row("cluster|info", 2, &[LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Tells how the cluster is, as this node sees it.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|keyslot", 3, &[STALE], &[])
        .doc("3.0.0", "O(N) for N bytes of the key", "Computes the slot of a key.")
        .local(Local::NoCluster),
    row("cluster|links", 2, &[STALE], &[])
        .doc("7.0.0", "O(N) for N nodes", "Lists the connections between this node and the other nodes.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|meet", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Introduces another node to this one, so that it joins the cluster.")
        .local(Local::NoCluster),
    row("cluster|migrateslots", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N) for N slots in the ranges",
            "Begins to move slots, with their keys, from this node to others.",
        )
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|myid", 2, &[LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Tells the id of the node.")
        .local(Local::NoCluster),
    row("cluster|myshardid", 2, &[LOADING, STALE], &[])
        .doc("7.2.0", "O(1)", "Tells the id of the shard that the node belongs to.")
        .tips(&["nondeterministic_output"])
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|nodes", 2, &[LOADING, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) for N nodes",
            "Describes every known node on a line, as in the node's own configuration file.",
        )
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|replicas", 3, &[ADMIN, STALE], &[])
        .doc("5.0.0", "O(N) for N replicas", "Describes the replicas of a primary.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|replicate", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Makes the node a replica of another one, or ends its being one.")
        .local(Local::NoCluster),
    row("cluster|reset", -2, &[ADMIN, NOSCRIPT, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) for N known nodes, and perhaps a FLUSHALL",
            "Makes the node forget its cluster, softly or with a new id.",
        )
        .local(Local::NoCluster),
    row("cluster|saveconfig", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Writes the node's view of the cluster to its configuration file.")
        .local(Local::NoCluster),
    row("cluster|set-config-epoch", 3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Gives a fresh node its first configuration epoch.")
        .local(Local::NoCluster),
    row("cluster|setslot", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Says who owns a slot, or that it is being moved to or from another node.")
        .local(Local::NoCluster),
    row("cluster|shards", 2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(N) for N nodes", "Describes each shard: its slots and its nodes.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|slaves", 3, &[ADMIN, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) for N replicas",
            "Describes the replicas of a primary, under the older name of CLUSTER REPLICAS.",
        )
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|slot-stats", -4, &[LOADING, STALE], &[])
        .doc(
            "8.0.0",
            "O(N) for N slots, O(N*log(N)) with ORDERBY",
            "Tells how much each slot of the node is used.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards"])
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("cluster|slots", 2, &[LOADING, STALE], &[])
        .doc("3.0.0", "O(N) for N nodes", "Tells which nodes serve which ranges of slots.")
        .tips(&["nondeterministic_output"])
        .local(Local::NoCluster),
    row("cluster|syncslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("9.0.0", "that of the subcommand", "Groups what nodes say to each other while they move slots.")
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("clusterscan", -2, &[READONLY], &[channels(1, 0)])
        .doc(
            "9.1.0",
            "O(N) for N keys returned",
            "Walks over the keys of the whole cluster, some at each call.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .categories_are(&["@keyspace"])
        .known(Known::Valkey)
        .local(Local::NoCluster),
    row("readonly", 1, &[LOADING, STALE, FAST], &[])
        .doc("3.0.0", "O(1)", "Allows reads on the connection where the node is a replica in a cluster.")
        .categories_are(&["@connection"])
        .local(Local::NoCluster),
    row("readwrite", 1, &[LOADING, STALE, FAST], &[])
        .doc("3.0.0", "O(1)", "Takes back READONLY, so that a replica in a cluster redirects reads again.")
        .categories_are(&["@connection"])
        .local(Local::NoCluster),
];
