//! Commands about a client's own connection. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("auth", -2, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc(
            "1.0.0",
            "O(N) for N passwords of the user",
            "Tells the server who the client is, by a password.",
        )
        .local(Local::Auth),
    row("client", -2, &[], &[])
        .doc("2.4.0", "that of the subcommand", "Groups what concerns connections of clients.")
        .later(CONNECTION_STATE),
    row("client|caching", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("6.0.0", "O(1)", "Says whether the keys of the next command shall be tracked.")
        .later(CONNECTION_STATE),
    row("client|capa", -3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("8.0.0", "O(1)", "Tells the server what the client is able to handle.")
        .known(Known::Valkey)
        .later(CONNECTION_STATE),
    row("client|getname", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("2.6.9", "O(1)", "Tells the name that the connection was given.")
        .local(Local::ClientGetname),
    row("client|getredir", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("6.0.0", "O(1)", "Tells to which client the invalidations of this connection are sent.")
        .local(Local::ClientGetredir),
    row("client|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of CLIENT.")
        .local(Local::Help),
    row("client|id", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("5.0.0", "O(1)", "Tells the number that the server knows this connection by.")
        .local(Local::ClientId),
    row("client|import-source", 3, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Marks the connection as one that fills a server which is in import mode.")
        .known(Known::Valkey)
        .later(CONNECTION_STATE),
    row("client|info", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Describes this connection on one line.")
        .tips(&["nondeterministic_output"])
        .local(Local::ClientInfo),
    row("client|kill", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.4.0",
            "O(N) for N connections",
            "Closes connections chosen by address, id, user or another trait.",
        )
        .local(Local::ClientKill),
    row("client|list", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.4.0", "O(N) for N connections", "Describes each connection on a line.")
        .tips(&["nondeterministic_output"])
        .local(Local::ClientList),
    row("client|no-evict", 3, &[ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Says whether the connection is spared when clients use too much memory.")
        .local(Local::ClientNoEvict),
    row("client|no-touch", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc(
            "7.2.0",
            "O(1)",
            "Says whether the connection's commands count as uses of the keys that they name.",
        )
        .known(Known::Valkey)
        .local(Local::ClientNoTouch),
    row("client|pause", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Makes commands of all clients, or only writes, wait for a while.")
        .local(Local::ClientPause),
    row("client|reply", 3, &[NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], &[])
        .doc("3.2.0", "O(1)", "Turns replies to this connection off or on, or leaves out the next one.")
        .local(Local::ClientReply),
    row("client|setinfo", 4, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("7.2.0", "O(1)", "Tells the server which library speaks, and its version.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .known(Known::Valkey)
        .local(Local::ClientSetinfo),
    row("client|setname", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("2.6.9", "O(1)", "Gives the connection a name.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .local(Local::ClientSetname),
    row("client|tracking", -3, &[NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(1), more with some options",
            "Starts or stops telling the client when keys that it may have cached change.",
        )
        .later(CONNECTION_STATE),
    row("client|trackinginfo", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Tells how tracking is set for the connection.")
        .later(CONNECTION_STATE),
    row("client|unblock", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("5.0.0", "O(log N) for N connections", "Wakes another client out of a blocking command.")
        .local(Local::ClientUnblock),
    row("client|unpause", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("6.2.0", "O(N) for N paused clients", "Ends a CLIENT PAUSE before its time.")
        .local(Local::ClientUnpause),
    row("echo", 2, &[LOADING, STALE, FAST], &[])
        .doc("1.0.0", "O(1)", "Sends the argument back.")
        .local(Local::Echo),
    row("hello", -1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc(
            "6.0.0",
            "O(1)",
            "Agrees on the version of the protocol, and may log in and name the connection.",
        )
        .local(Local::Hello),
    row("ping", -1, &[FAST], &[])
        .doc("1.0.0", "O(1)", "Answers PONG, or the argument, to show that the server is there.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .local(Local::Ping),
    row("quit", -1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc("1.0.0", "O(1)", "Ends the connection once all earlier replies are out.")
        .local(Local::Quit),
    row("reset", 1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc("6.2.0", "O(1)", "Brings the connection back to the state of a new one.")
        .local(Local::Reset),
    row("select", 2, &[LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("1.0.0", "O(1)", "Makes the connection use another numbered database.")
        .local(Local::Select),
];
