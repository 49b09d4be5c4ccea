//! Commands about a server. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("acl", -2, &[], &[])
        .doc("6.0.0", "that of the subcommand", "Groups what manages users and what they may do.")
        .refused(ACL),
    row("acl|cat", -2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Lists the categories of commands, or the commands of one category.")
        .refused(ACL),
    row("acl|deluser", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(1) amortised", "Removes users and closes their connections.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|dryrun", -4, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("7.0.0", "O(1)", "Tells whether a user might run a command, without running it.")
        .refused(ACL),
    row("acl|genpass", -2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Makes up a random password.")
        .refused(ACL),
    row("acl|getuser", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N rules of the user", "Describes what a user may do.")
        .refused(ACL),
    row("acl|help", 2, &[LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Explains the subcommands of ACL.")
        .refused(ACL),
    row("acl|list", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N users", "Describes each user on a line, as an ACL file has it.")
        .refused(ACL),
    row("acl|load", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N users", "Reads the ACL file again and replaces all users by those in it.")
        .refused(ACL),
    row("acl|log", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N entries", "Lists what was lately denied to whom, or empties that list.")
        .refused(ACL),
    row("acl|save", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N users", "Writes the users to the ACL file.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|setuser", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N rules", "Makes a user, or changes what one may do.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(ACL),
    row("acl|users", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(N) for N users", "Lists the names of the users.")
        .refused(ACL),
    row("acl|whoami", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.0.0", "O(1)", "Tells as which user the connection is logged in.")
        .refused(ACL),
    row("bgrewriteaof", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Starts to write a compact append-only file in the background.")
        .each_shard()
        .joined_by(ReplyPolicy::AllSucceeded),
    row("bgsave", -1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Starts to save the data in the background.")
        .each_shard()
        .joined_by(ReplyPolicy::AllSucceeded),
    row("command", -1, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(N) for N commands", "Describes every command that the server knows.")
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::Command),
    row("command|count", 2, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Counts the commands that the server knows.")
        .categories_are(&["@connection"])
        .local(Local::CommandCount),
    row("command|docs", -2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(N) for N commands", "Returns what is documented of commands.")
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandDocs),
    row("command|getkeys", -3, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(N) for N arguments", "Tells which arguments of a command are keys.")
        .categories_are(&["@connection"])
        .local(Local::CommandGetkeys),
    row("command|getkeysandflags", -3, &[LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) for N arguments",
            "Tells which arguments of a command are keys, and what is done to each.",
        )
        .categories_are(&["@connection"])
        .local(Local::CommandGetkeysandflags),
    row("command|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of COMMAND.")
        .categories_are(&["@connection"])
        .local(Local::Help),
    row("command|info", -2, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(N) for N commands", "Describes the given commands, or all.")
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandInfo),
    row("command|list", -2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(N) for N commands", "Lists the names of commands, all or those that pass a filter.")
        .tips(&["nondeterministic_output_order"])
        .categories_are(&["@connection"])
        .local(Local::CommandList),
    row("commandlog", -2, &[], &[])
        .doc("8.1.0", "that of the subcommand", "Groups what reads the logs of slow and of large commands.")
        .known(Known::Valkey),
    row("commandlog|get", 4, &[ADMIN, LOADING, STALE], &[])
        .doc("8.1.0", "O(N) for N entries returned", "Returns the latest entries of one of the command logs.")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .known(Known::Valkey)
        .local(Local::CommandlogGet),
    row("commandlog|help", 2, &[LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Explains the subcommands of COMMANDLOG.")
        .known(Known::Valkey)
        .local(Local::Help),
    row("commandlog|len", 3, &[ADMIN, LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Counts the entries of one of the command logs.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .known(Known::Valkey)
        .local(Local::CommandlogLen),
    row("commandlog|reset", 3, &[ADMIN, LOADING, STALE], &[])
        .doc("8.1.0", "O(N) for N entries", "Empties one of the command logs.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .known(Known::Valkey)
        .local(Local::CommandlogReset),
    row("config", -2, &[], &[]).doc(
        "2.0.0",
        "that of the subcommand",
        "Groups what reads and changes the server's configuration.",
    ),
    row("config|get", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(N) for N parameters given", "Tells the values of parameters that fit a pattern.")
        .local(Local::ConfigGet),
    row("config|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of CONFIG.")
        .local(Local::Help),
    row("config|resetstat", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(1)", "Sets the counters that INFO shows back to 0.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .local(Local::ConfigResetstat),
    row("config|rewrite", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.0", "O(1)", "Writes the present configuration into the server's file.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .refused(OWN),
    row("config|set", -4, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(N) for N parameters given", "Changes parameters while the server runs.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .local(Local::ConfigSet),
    row("dbsize", 1, &[READONLY, FAST], &[])
        .doc("1.0.0", "O(1)", "Counts the keys of the database.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .categories_are(&["@keyspace"])
        .each_shard(),
    row("debug", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("1.0.0", "that of the subcommand", "Groups what helps to debug the server.")
        .refused(ONE_NODE),
    row("failover", -1, &[ADMIN, NOSCRIPT, STALE], &[])
        .doc("6.2.0", "O(1)", "Hands the role of primary over to a replica, once that has caught up.")
        .refused(FAILOVER),
    row("flushall", -1, &[WRITE], &[])
        .doc("1.0.0", "O(N) for N keys in all databases", "Deletes every key of every database.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard(),
    row("flushdb", -1, &[WRITE], &[])
        .doc("1.0.0", "O(N) for N keys in the database", "Deletes every key of the selected database.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard(),
    row("info", -1, &[LOADING, STALE], &[])
        .doc("1.0.0", "O(1)", "Tells the state and the counters of the server, by sections.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .categories_are(&["@dangerous"])
        .local(Local::Info),
    row("lastsave", 1, &[LOADING, STALE, FAST], &[])
        .doc("1.0.0", "O(1)", "Tells when the data was last saved, in Unix seconds.")
        .tips(&["nondeterministic_output"])
        .categories_are(&["@admin", "@dangerous"])
        .each_shard()
        .joined_by(ReplyPolicy::AggMin),
    row("latency", -2, &[], &[]).doc(
        "2.8.13",
        "that of the subcommand",
        "Groups what helps to find out why the server was slow.",
    ),
    row("latency|doctor", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Judges the recorded delays and gives advice, in prose.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .local(Local::LatencyDoctor),
    row("latency|graph", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Draws the recorded delays of an event in characters.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .local(Local::LatencyGraph),
    row("latency|help", 2, &[LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Explains the subcommands of LATENCY.")
        .local(Local::Help),
    row("latency|histogram", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) for N commands reported",
            "Tells how the durations of each command are distributed.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .local(Local::LatencyHistogram),
    row("latency|history", 3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Lists the recorded delays of an event, with their times.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .local(Local::LatencyHistory),
    row("latency|latest", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Tells the last and the longest delay of each event.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .local(Local::LatencyLatest),
    row("latency|reset", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.8.13", "O(1)", "Forgets the recorded delays of some events, or of all.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
        .local(Local::LatencyReset),
    row("lolwut", -1, &[READONLY, FAST], &[])
        .doc("5.0.0", "", "Draws a picture and names the server's version.")
        .local(Local::Lolwut),
    row("memory", -2, &[], &[]).doc(
        "4.0.0",
        "that of the subcommand",
        "Groups what tells where memory goes.",
    ),
    row("memory|doctor", 2, &[], &[])
        .doc("4.0.0", "O(1)", "Judges the use of memory and gives advice, in prose.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .local(Local::MemoryDoctor),
    row("memory|help", 2, &[LOADING, STALE], &[])
        .doc("4.0.0", "O(1)", "Explains the subcommands of MEMORY.")
        .local(Local::Help),
    row("memory|malloc-stats", 2, &[LOADING], &[])
        .doc("4.0.0", "more with more memory allocated, perhaps slow", "Returns the allocator's own report.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .local(Local::MemoryMallocStats),
    row("memory|purge", 2, &[LOADING], &[])
        .doc(
            "4.0.0",
            "more with more memory allocated, perhaps slow",
            "Makes the allocator give unused pages back.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .local(Local::MemoryPurge),
    row("memory|stats", 2, &[], &[])
        .doc("4.0.0", "O(1)", "Tells how much memory is used for what.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .local(Local::MemoryStats),
    row("memory|usage", -3, &[READONLY], &[at(2, RO)]).doc(
        "4.0.0",
        "O(N) for N samples",
        "Estimates how many bytes a key and its value take.",
    ),
    row("module", -2, &[], &[]).doc("4.0.0", "that of the subcommand", "Groups what manages modules."),
    row("module|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of MODULE.")
        .local(Local::Help),
    row("module|list", 2, &[ADMIN, NOSCRIPT], &[])
        .doc("4.0.0", "O(N) for N modules", "Describes the modules that are loaded.")
        .tips(&["nondeterministic_output_order"]),
    row("module|load", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("4.0.0", "O(1)", "Loads a module from a file of the server.")
        .refused(ONE_NODE),
    row("module|loadex", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("7.0.0", "O(1)", "Loads a module from a file of the server, with its configuration.")
        .refused(ONE_NODE),
    row("module|unload", 3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING], &[])
        .doc("4.0.0", "O(1)", "Removes a module from the running server.")
        .refused(ONE_NODE),
    row("monitor", 1, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("1.0.0", "", "Shows the connection every command that the server runs, as it comes.")
        .local(Local::Monitor),
    row("psync", -3, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc("2.8.0", "", "Asks a primary for its stream of changes, from an offset on; replicas use it.")
        .refused(REPLICATION),
    row("replconf", -1, &[ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc(
            "3.0.0",
            "O(1)",
            "Tells a primary about a replica, or the other way round; servers use it among themselves.",
        )
        .refused(REPLICATION),
    row("replicaof", 3, &[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING], &[])
        .doc("5.0.0", "O(1)", "Makes the server a replica of another one, or a primary.")
        .refused(FAILOVER),
    row("restore-asking", -4, &[WRITE, DENYOOM, ASKING], &[at(1, OW.update())])
        .doc(
            "3.0.0",
            "O(1) to make the key and O(N*M) to read N parts of mean size M; O(N*M*log(N)) for a sorted set",
            "Makes a key of what DUMP returned, in a slot that the node is still importing.",
        )
        .categories_are(&["@dangerous", "@keyspace"]),
    row("role", 1, &[NOSCRIPT, LOADING, STALE, FAST], &[])
        .doc(
            "2.8.12",
            "O(1)",
            "Tells whether the server is a primary, a replica or a Sentinel, with its offsets and peers.",
        )
        .categories_are(&["@admin", "@dangerous"])
        .local(Local::Role),
    row("save", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc("1.0.0", "O(N) for N keys in all databases", "Saves the data while every client waits.")
        .each_shard()
        .joined_by(ReplyPolicy::AllSucceeded),
    row("shutdown", -1, &[ADMIN, NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], &[])
        .doc(
            "1.0.0",
            "O(N) to save N keys of all databases, else O(1)",
            "Ends the server, after it saved its data if so configured.",
        )
        .refused(ONE_NODE),
    row("slaveof", 3, &[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING], &[])
        .doc("1.0.0", "O(1)", "Does what REPLICAOF does, under its older name.")
        .refused(FAILOVER),
    row("slowlog", -2, &[], &[]).doc(
        "2.2.12",
        "that of the subcommand",
        "Groups what reads the log of slow commands.",
    ),
    row("slowlog|get", -2, &[ADMIN, LOADING, STALE], &[])
        .doc("2.2.12", "O(N) for N entries returned", "Returns the latest slow commands.")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .local(Local::SlowlogGet),
    row("slowlog|help", 2, &[LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Explains the subcommands of SLOWLOG.")
        .local(Local::Help),
    row("slowlog|len", 2, &[ADMIN, LOADING, STALE], &[])
        .doc("2.2.12", "O(1)", "Counts the slow commands that are in the log.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .local(Local::SlowlogLen),
    row("slowlog|reset", 2, &[ADMIN, LOADING, STALE], &[])
        .doc("2.2.12", "O(N) for N entries", "Empties the log of slow commands.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .local(Local::SlowlogReset),
    row("swapdb", 3, &[WRITE, FAST], &[])
        .doc(
            "4.0.0",
            "O(N) for N clients that watch or block on keys of either database",
            "Exchanges the contents of two databases for all clients.",
        )
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard()
        .joined_by(ReplyPolicy::AllSucceeded),
    row("sync", 1, &[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI], &[])
        .doc("1.0.0", "", "Asks a primary for all its data and then its changes; old replicas use it.")
        .refused(REPLICATION),
    row("time", 1, &[LOADING, STALE, FAST], &[])
        .doc("2.6.0", "O(1)", "Tells what time it is by the server's clock, in seconds and microseconds.")
        .tips(&["nondeterministic_output"])
        .local(Local::Time),
];
