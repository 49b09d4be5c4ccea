//! Commands about a server. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("acl", -2, &[], &[])
        .doc("6.0.0", "Depends on subcommand.", "A container for Access List Control commands.")
        .refused(ACL),
    row("acl|cat", -2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(1) since the categories and commands are a fixed set.",
            "Lists the ACL categories, or the commands inside a category.",
        )
        .refused(ACL),
    row("acl|deluser", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(1) amortized time considering the typical user.",
            "Deletes ACL users, and terminates their connections.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|dryrun", -4, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(1).",
            "Simulates the execution of a command by a user, without executing the command.",
        )
        .refused(ACL),
    row("acl|genpass", -2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(1)",
            "Generates a pseudorandom, secure password that can be used to identify ACL users.",
        )
        .refused(ACL),
    row("acl|getuser", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of password, command and pattern rules that the user has.",
            "Lists the ACL rules of a user.",
        )
        .refused(ACL),
    row("acl|help", 2, &[LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .refused(ACL),
    row("acl|list", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Dumps the effective rules in ACL file format.",
        )
        .refused(ACL),
    row("acl|load", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Reloads the rules from the configured ACL file.",
        )
        .refused(ACL),
    row("acl|log", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N) with N being the number of entries shown.",
            "Lists recent security events generated due to ACL rules.",
        )
        .refused(ACL),
    row("acl|save", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Saves the effective ACL rules in the configured ACL file.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|setuser", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of rules provided.",
            "Creates and modifies an ACL user and its rules.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|users", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N). Where N is the number of configured users.", "Lists all ACL users.")
        .refused(ACL),
    row("acl|whoami", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Returns the authenticated username of the current connection.")
        .refused(ACL),
    row("bgrewriteaof", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Asynchronously rewrites the append-only file to disk.")
        .refused(ONE_NODE),
    row("bgsave", -1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Asynchronously saves the database(s) to disk.")
        .refused(ONE_NODE),
    row("command", -1, &[LOADING, STALE], &[])
        .doc(
            "2.8.13",
            "O(N) where N is the total number of commands",
            "Returns detailed information about all commands.",
        )
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::Command),
    row("command|count", 2, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns a count of commands.")
        .categories_are(&["@connection"])
        .local(Local::CommandCount),
    row("command|docs", -2, &[LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of commands to look up",
            "Returns documentary information about one, multiple or all commands.",
        )
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandDocs),
    row("command|getkeys", -3, &[LOADING, STALE], &[])
        .doc(
            "2.8.13",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names from an arbitrary command.",
        )
        .categories_are(&["@connection"])
        .local(Local::CommandGetkeys),
    row("command|getkeysandflags", -3, &[LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names and access flags for an arbitrary command.",
        )
        .categories_are(&["@connection"])
        .local(Local::CommandGetkeysandflags),
    row("command|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .categories_are(&["@connection"])
        .later(OWN),
    row("command|info", -2, &[LOADING, STALE], &[])
        .doc(
            "2.8.13",
            "O(N) where N is the number of commands to look up",
            "Returns information about one, multiple or all commands.",
        )
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandInfo),
    row("command|list", -2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(N) where N is the total number of commands", "Returns a list of command names.")
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandList),
    row("commandlog", -2, &[], &[])
        .doc("8.1.0", "Depends on subcommand.", "A container for command log commands.")
        .known(Known::Valkey)
        .later(ONE_SERVER),
    row("commandlog|get", 4, &[ADMIN, LOADING, STALE], &[])
        .doc(
            "8.1.0",
            "O(N) where N is the number of entries returned",
            "Returns the specified command log's entries.",
        )
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .known(Known::Valkey)
        .later(ONE_SERVER),
    row("commandlog|help", 2, &[LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Shows helpful text about the different subcommands.")
        .known(Known::Valkey)
        .later(ONE_SERVER),
    row("commandlog|len", 3, &[ADMIN, LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Returns the number of entries in the specified type of command log.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .known(Known::Valkey)
        .later(ONE_SERVER),
    row("commandlog|reset", 3, &[ADMIN, LOADING, STALE], &[])
        .doc(
            "8.1.0",
            "O(N) where N is the number of entries in the commandlog",
            "Clears all entries from the specified type of command log.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .known(Known::Valkey)
        .later(ONE_SERVER),
    row("config", -2, &[], &[])
        .doc("2.0.0", "Depends on subcommand.", "A container for server configuration commands.")
        .later(OWN),
    row("config|get", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Returns the effective values of configuration parameters.",
        )
        .local(Local::ConfigGet),
    row("config|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(OWN),
    row("config|resetstat", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(1)", "Resets the server's statistics.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .later(OWN),
    row("config|rewrite", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.0", "O(1)", "Persists the effective configuration to file.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ONE_NODE),
    row("config|set", -4, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Sets configuration parameters in-flight.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .later(OWN),
    row("dbsize", 1, &[READONLY, FAST], &[])
        .doc("1.0.0", "O(1)", "Returns the number of keys in the database.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .categories_are(&["@keyspace"])
        .each_shard(),
    row("debug", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("1.0.0", "Depends on subcommand.", "A container for debugging commands.")
        .refused(ONE_NODE),
    row("failover", -1, &[ADMIN, NOSCRIPT, STALE], &[])
        .doc("6.2.0", "O(1)", "Starts a coordinated failover from a server to one of its replicas.")
        .refused(FAILOVER),
    row("flushall", -1, &[WRITE], &[])
        .doc(
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "Removes all keys from all databases.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard(),
    row("flushdb", -1, &[WRITE], &[])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys in the selected database",
            "Removes all keys from the current database.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard(),
    row("info", -1, &[LOADING, STALE], &[])
        .doc("1.0.0", "O(1)", "Returns information and statistics about the server.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .categories_are(&["@dangerous"])
        .local(Local::Info),
    row("lastsave", 1, &[LOADING, STALE, FAST], &[])
        .doc("1.0.0", "O(1)", "Returns the Unix timestamp of the last successful save to disk.")
        .tips(&["nondeterministic_output"])
        .categories_are(&["@admin", "@dangerous"])
        .later(ONE_SERVER),
    row("latency", -2, &[], &[])
        .doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics commands.")
        .later(ONE_SERVER),
    row("latency|doctor", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns a human-readable latency analysis report.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .later(ONE_SERVER),
    row("latency|graph", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns a latency graph for an event.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .later(ONE_SERVER),
    row("latency|help", 2, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns helpful text about the different subcommands.")
        .later(ONE_SERVER),
    row("latency|histogram", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of commands with latency information being retrieved.",
            "Returns the cumulative distribution of latencies of a subset or all commands.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .later(ONE_SERVER),
    row("latency|history", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns timestamp-latency samples for an event.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .later(ONE_SERVER),
    row("latency|latest", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Returns the latest latency samples for all events.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .later(ONE_SERVER),
    row("latency|reset", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Resets the latency data for one or more events.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
        .later(ONE_SERVER),
    row("lolwut", -1, &[READONLY, FAST], &[])
        .doc("5.0.0", "", "Displays computer art and the server version.")
        .local(Local::Lolwut),
    row("memory", -2, &[], &[])
        .doc("4.0.0", "Depends on subcommand.", "A container for memory diagnostics commands.")
        .later(ONE_SERVER),
    row("memory|doctor", 2, &[], &[])
        .doc("4.0.0", "O(1)", "Outputs a memory problems report.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .later(ONE_SERVER),
    row("memory|help", 2, &[LOADING, STALE], &[]).doc(
        "4.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
    ),
    row("memory|malloc-stats", 2, &[LOADING], &[])
        .doc(
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "Returns the allocator statistics.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .later(ONE_SERVER),
    row("memory|purge", 2, &[LOADING], &[])
        .doc(
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "Asks the allocator to release memory.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .later(ONE_SERVER),
    row("memory|stats", 2, &[], &[])
        .doc("4.0.0", "O(1)", "Returns details about memory usage.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .later(ONE_SERVER),
    row("memory|usage", -3, &[READONLY], &[at(2, RO)]).doc(
        "4.0.0",
        "O(N) where N is the number of samples.",
        "Estimates the memory usage of a key.",
    ),
    row("module", -2, &[], &[])
        .doc("4.0.0", "Depends on subcommand.", "A container for module commands.")
        .later(ONE_SERVER),
    row("module|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(ONE_SERVER),
    row("module|list", 2, &[ADMIN, NOSCRIPT], &[])
        .doc("4.0.0", "O(N) where N is the number of loaded modules.", "Returns all loaded modules.")
        .tips(&["nondeterministic_output_order"])
        .later(ONE_SERVER),
    row("module|load", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("4.0.0", "O(1)", "Loads a module.")
        .refused(ONE_NODE),
    row("module|loadex", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("7.0.0", "O(1)", "Loads a module using extended parameters.")
        .refused(ONE_NODE),
    row("module|unload", 3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("4.0.0", "O(1)", "Unloads a module.")
        .refused(ONE_NODE),
    row("monitor", 1, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("1.0.0", "", "Listens for all requests received by the server in real-time.")
        .later(MONITOR),
    row("psync", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc("2.8.0", "", "An internal command used in replication.")
        .refused(REPLICATION),
    row("replconf", -1, &[ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("3.0.0", "O(1)", "An internal command for configuring the replication stream.")
        .refused(REPLICATION),
    row("replicaof", 3, &[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING], &[])
        .doc("5.0.0", "O(1)", "Configures a server as replica of another, or promotes it to a primary.")
        .refused(FAILOVER),
    row("restore-asking", -4, &[WRITE, DENYOOM, ASKING], &[at(1, OW.update())])
        .doc(
            "3.0.0",
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N \
            is the number of objects composing the value and M their average size. For small string values \
            the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted \
            set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is \
            O(log(N)).",
            "An internal command for migrating keys in a cluster.",
        )
        .categories_are(&["@dangerous", "@keyspace"]),
    row("role", 1, &[NOSCRIPT, LOADING, STALE, FAST], &[])
        .doc("2.8.12", "O(1)", "Returns the replication role.")
        .categories_are(&["@admin", "@dangerous"])
        .local(Local::Role),
    row("save", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc(
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "Synchronously saves the database(s) to disk.",
        )
        .refused(ONE_NODE),
    row("shutdown", -1, &[ADMIN, NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], &[])
        .doc(
            "1.0.0",
            "O(N) when saving, where N is the total number of keys in all databases when saving data, \
            otherwise O(1)",
            "Synchronously saves the database(s) to disk and shuts down the server.",
        )
        .refused(ONE_NODE),
    row("slaveof", 3, &[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Sets a server as a replica of another, or promotes it to being a primary.")
        .refused(FAILOVER),
    row("slowlog", -2, &[], &[])
        .doc("2.2.12", "Depends on subcommand.", "A container for slow log commands.")
        .later(ONE_SERVER),
    row("slowlog|get", -2, &[ADMIN, LOADING, STALE], &[])
        .doc("2.2.12", "O(N) where N is the number of entries returned", "Returns the slow log's entries.")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .later(ONE_SERVER),
    row("slowlog|help", 2, &[LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Shows helpful text about the different subcommands.")
        .later(ONE_SERVER),
    row("slowlog|len", 2, &[ADMIN, LOADING, STALE], &[])
        .doc("2.2.12", "O(1)", "Returns the number of entries in the slow log.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .later(ONE_SERVER),
    row("slowlog|reset", 2, &[ADMIN, LOADING, STALE], &[])
        .doc(
            "2.2.12",
            "O(N) where N is the number of entries in the slowlog",
            "Clears all entries from the slow log.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .later(ONE_SERVER),
    row("swapdb", 3, &[WRITE, FAST], &[])
        .doc(
            "4.0.0",
            "O(N) where N is the count of clients watching or blocking on keys from both databases.",
            "Swaps two databases.",
        )
        .categories_are(&["@dangerous", "@keyspace"])
        .refused(SWAPDB),
    row("sync", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc("1.0.0", "", "An internal command used in replication.")
        .refused(REPLICATION),
    row("time", 1, &[LOADING, STALE, FAST], &[])
        .doc("2.6.0", "O(1)", "Returns the server time.")
        .tips(&["nondeterministic_output"])
        .local(Local::Time),
];
