//! Commands about a client's own connection. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("auth", -2, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc(
            "1.0.0",
            "O(N) where N is the number of passwords defined for the user",
            "Authenticates the connection.",
        )
        .local(Local::Auth),
    row("client", -2, &[], &[])
        .doc("2.4.0", "Depends on subcommand.", "A container for client connection commands.")
        .later(CONNECTION_STATE),
    row("client|caching", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("6.0.0", "O(1)", "Instructs the server whether to track the keys in the next request.")
        .later(CONNECTION_STATE),
    row("client|capa", -3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("8.0.0", "O(1)", "A client claims its capability.")
        .known(Known::Valkey)
        .later(CONNECTION_STATE),
    row("client|getname", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("2.6.9", "O(1)", "Returns the name of the connection.")
        .local(Local::ClientGetname),
    row("client|getredir", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc(
            "6.0.0",
            "O(1)",
            "Returns the client ID to which the connection's tracking notifications are redirected.",
        )
        .later(CONNECTION_STATE),
    row("client|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(CONNECTION_STATE),
    row("client|id", 2, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("5.0.0", "O(1)", "Returns the unique client ID of the connection.")
        .local(Local::ClientId),
    row("client|import-source", 3, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("8.1.0", "O(1)", "Marks this client as an import source when the server is in import mode.")
        .known(Known::Valkey)
        .later(CONNECTION_STATE),
    row("client|info", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Returns information about the connection.")
        .tips(&["nondeterministic_output"])
        .local(Local::ClientInfo),
    row("client|kill", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.4.0", "O(N) where N is the number of client connections", "Terminates open connections.")
        .later(CONNECTION_STATE),
    row("client|list", -2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.4.0", "O(N) where N is the number of client connections", "Lists open connections.")
        .tips(&["nondeterministic_output"])
        .later(CONNECTION_STATE),
    row("client|no-evict", 3, &[ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Sets the client eviction mode of the connection.")
        .later(CONNECTION_STATE),
    row("client|no-touch", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc(
            "7.2.0",
            "O(1)",
            "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        )
        .known(Known::Valkey)
        .later(CONNECTION_STATE),
    row("client|pause", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc("3.0.0", "O(1)", "Suspends commands processing.")
        .later(CONNECTION_STATE),
    row("client|reply", 3, &[NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], &[])
        .doc("3.2.0", "O(1)", "Instructs the server whether to reply to commands.")
        .later(CONNECTION_STATE),
    row("client|setinfo", 4, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("7.2.0", "O(1)", "Sets information specific to the client or connection.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .known(Known::Valkey)
        .local(Local::ClientSetinfo),
    row("client|setname", 3, &[NOSCRIPT, LOADING, STALE, ALLOW_BUSY], &[])
        .doc("2.6.9", "O(1)", "Sets the connection name.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .local(Local::ClientSetname),
    row("client|tracking", -3, &[NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.0.0",
            "O(1). Some options may introduce additional complexity.",
            "Controls server-assisted client-side caching for the connection.",
        )
        .later(CONNECTION_STATE),
    row("client|trackinginfo", 2, &[NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.2.0",
            "O(1)",
            "Returns information about server-assisted client-side caching for the connection.",
        )
        .later(CONNECTION_STATE),
    row("client|unblock", -3, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "5.0.0",
            "O(log N) where N is the number of client connections",
            "Unblocks a client blocked by a blocking command from a different connection.",
        )
        .later(CONNECTION_STATE),
    row("client|unpause", 2, &[ADMIN, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "6.2.0",
            "O(N) Where N is the number of paused clients",
            "Resumes processing commands from paused clients.",
        )
        .later(CONNECTION_STATE),
    row("echo", 2, &[LOADING, STALE, FAST], &[])
        .doc("1.0.0", "O(1)", "Returns the given string.")
        .local(Local::Echo),
    row("hello", -1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc("6.0.0", "O(1)", "Handshakes with the server.")
        .local(Local::Hello),
    row("ping", -1, &[FAST], &[])
        .doc("1.0.0", "O(1)", "Returns the server's liveliness response.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .local(Local::Ping),
    row("quit", -1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc("1.0.0", "O(1)", "Closes the connection.")
        .local(Local::Quit),
    row("reset", 1, &[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], &[])
        .doc("6.2.0", "O(1)", "Resets the connection.")
        .later(CONNECTION_STATE),
    row("select", 2, &[LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("1.0.0", "O(1)", "Changes the selected database.")
        .local(Local::Select),
];
