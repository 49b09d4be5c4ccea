//! Commands of Redis Cluster. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("asking", 1, &[FAST], &[])
        .doc("3.0.0", "O(1)", "Signals that a cluster client is following an -ASK redirect.")
        .categories_are(&["@connection"])
        .later(CLUSTER),
    row("cluster", -2, &[], &[])
        .doc("3.0.0", "Depends on subcommand.", "A container for Cluster commands.")
        .later(CLUSTER),
    row("cluster|addslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the total number of hash slot arguments",
            "Assigns new hash slots to a node.",
        )
        .later(CLUSTER),
    row("cluster|addslotsrange", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
            "Assigns new hash slot ranges to a node.",
        )
        .later(CLUSTER),
    row("cluster|bumpepoch", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Advances the cluster config epoch.")
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|cancelslotmigrations", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N), where N is the number of slot migration operations being cancelled.",
            "Cancel all current ongoing slot migration operations.",
        )
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|count-failure-reports", 3, &[ADMIN, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the number of failure reports",
            "Returns the number of active failure reports for a node. No new reports are created once the \
            node is marked as failed.",
        )
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|countkeysinslot", 3, &[STALE], &[])
        .doc("3.0.0", "O(1)", "Returns the number of keys in a hash slot.")
        .later(CLUSTER),
    row("cluster|delslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the total number of hash slot arguments",
            "Sets hash slots as unbound for a node.",
        )
        .later(CLUSTER),
    row("cluster|delslotsrange", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
            "Sets hash slot ranges as unbound for a node.",
        )
        .later(CLUSTER),
    row("cluster|failover", -2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Forces a replica to perform a manual failover of its primary.")
        .later(CLUSTER),
    row("cluster|flushslot", -3, &[WRITE, ADMIN, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N) where N is the number of keys in the target slot",
            "Removes all keys from the target slot.",
        )
        .categories_are(&["@keyspace"])
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|flushslots", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Deletes all slots information from a node.")
        .later(CLUSTER),
    row("cluster|forget", 3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Removes a node from the nodes table.")
        .later(CLUSTER),
    row("cluster|getkeysinslot", 4, &[STALE], &[])
        .doc("3.0.0", "O(N) where N is the number of requested keys", "Returns the key names in a hash slot.")
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|getslotmigrations", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N), where N is the number of active slot import and export jobs.",
            "Gets the status of ongoing and recently finished slot import and export operations.",
        )
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(CLUSTER),
    row("cluster|info", 2, &[LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Returns information about the state of a node.")
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|keyslot", 3, &[STALE], &[])
        .doc("3.0.0", "O(N) where N is the number of bytes in the key", "Returns the hash slot for a key.")
        .later(CLUSTER),
    row("cluster|links", 2, &[STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the total number of Cluster nodes",
            "Returns a list of all TCP links to and from peer nodes.",
        )
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|meet", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Forces a node to handshake with another node.")
        .later(CLUSTER),
    row("cluster|migrateslots", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "9.0.0",
            "O(N) where N is the total number of the slots between all start slot and end slot arguments.",
            "Migrate the given slots from this node to the specified nodes.",
        )
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|myid", 2, &[LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Returns the ID of a node.")
        .later(CLUSTER),
    row("cluster|myshardid", 2, &[LOADING, STALE], &[])
        .doc("7.2.0", "O(1)", "Returns the shard ID of a node.")
        .tips(&["nondeterministic_output"])
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|nodes", 2, &[LOADING, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            "Returns the cluster configuration for a node.",
        )
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|replicas", 3, &[ADMIN, STALE], &[])
        .doc("5.0.0", "O(N) where N is the number of replicas.", "Lists the replica nodes of a primary node.")
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|replicate", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc(
            "3.0.0",
            "O(1)",
            "Configures a node as replica of a primary node or detaches a replica from its primary.",
        )
        .later(CLUSTER),
    row("cluster|reset", -2, &[ADMIN, NOSCRIPT, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side \
            effect.",
            "Resets a node.",
        )
        .later(CLUSTER),
    row("cluster|saveconfig", 2, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Forces a node to save the cluster configuration to disk.")
        .later(CLUSTER),
    row("cluster|set-config-epoch", 3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Sets the configuration epoch for a new node.")
        .later(CLUSTER),
    row("cluster|setslot", -4, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("3.0.0", "O(1)", "Binds a hash slot to a node.")
        .later(CLUSTER),
    row("cluster|shards", 2, &[LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the total number of cluster nodes",
            "Returns the mapping of cluster slots to shards.",
        )
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|slaves", 3, &[ADMIN, STALE], &[])
        .doc("3.0.0", "O(N) where N is the number of replicas.", "Lists the replica nodes of a primary node.")
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|slot-stats", -4, &[LOADING, STALE], &[])
        .doc(
            "8.0.0",
            "O(N) where N is the total number of slots based on arguments. O(N*log(N)) with ORDERBY \
            subcommand.",
            "Return an array of slot usage statistics for slots assigned to the current node.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards"])
        .known(Known::Valkey)
        .later(CLUSTER),
    row("cluster|slots", 2, &[LOADING, STALE], &[])
        .doc(
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            "Returns the mapping of cluster slots to nodes.",
        )
        .tips(&["nondeterministic_output"])
        .later(CLUSTER),
    row("cluster|syncslots", -3, &[ADMIN, STALE, NO_ASYNC_LOADING], &[])
        .doc("9.0.0", "Depends on subcommand.", "A container for internal slot migration commands.")
        .known(Known::Valkey)
        .later(CLUSTER),
    row("clusterscan", -2, &[READONLY], &[channels(1, 0)])
        .doc(
            "9.1.0",
            "O(N) where N is the number of elements returned.",
            "Iterates over the keys in the cluster.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .categories_are(&["@keyspace"])
        .known(Known::Valkey)
        .later(CLUSTER),
    row("readonly", 1, &[LOADING, STALE, FAST], &[])
        .doc("3.0.0", "O(1)", "Enables read-only queries for a connection to a Valkey replica node.")
        .categories_are(&["@connection"])
        .local(Local::Readonly),
    row("readwrite", 1, &[LOADING, STALE, FAST], &[])
        .doc("3.0.0", "O(1)", "Enables read-write queries for a connection to a Valkey replica node.")
        .categories_are(&["@connection"])
        .local(Local::Readwrite),
];
