//! Commands that publish and subscribe. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("psubscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) where N is the number of patterns to subscribe to.",
            "Listens for messages published to channels that match one or more patterns.",
        )
        .later(PUB_SUB),
    row("publish", 3, &[PUBSUB, LOADING, STALE, FAST], &[])
        .doc(
            "2.0.0",
            "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the \
            total number of subscribed patterns (by any client).",
            "Posts a message to a channel.",
        )
        .later(PUB_SUB),
    row("pubsub", -2, &[], &[])
        .doc("2.8.0", "Depends on subcommand.", "A container for Pub/Sub commands.")
        .later(PUB_SUB),
    row("pubsub|channels", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "2.8.0",
            "O(N) where N is the number of active channels, and assuming constant time pattern matching \
            (relatively short channels and patterns)",
            "Returns the active channels.",
        )
        .later(PUB_SUB),
    row("pubsub|help", 2, &[LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(PUB_SUB),
    row("pubsub|numpat", 2, &[PUBSUB, LOADING, STALE], &[])
        .doc("2.8.0", "O(1)", "Returns a count of unique pattern subscriptions.")
        .later(PUB_SUB),
    row("pubsub|numsub", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "2.8.0",
            "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
            "Returns a count of subscribers to channels.",
        )
        .later(PUB_SUB),
    row("pubsub|shardchannels", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of active shard channels, and assuming constant time pattern \
            matching (relatively short shard channels).",
            "Returns the active shard channels.",
        )
        .later(PUB_SUB),
    row("pubsub|shardnumsub", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
            "Returns the count of subscribers of shard channels.",
        )
        .later(PUB_SUB),
    row("punsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) where N is the number of patterns to unsubscribe.",
            "Stops listening to messages published to channels that match one or more patterns.",
        )
        .later(PUB_SUB),
    row("spublish", 3, &[PUBSUB, LOADING, STALE, FAST], &[channels(1, 0)])
        .doc(
            "7.0.0",
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            "Posts a message to a shard channel.",
        )
        .later(PUB_SUB),
    row("ssubscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[channels(1, -1)])
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "Listens for messages published to shard channels.",
        )
        .later(PUB_SUB),
    row("subscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) where N is the number of channels to subscribe to.",
            "Listens for messages published to channels.",
        )
        .later(PUB_SUB),
    row("sunsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[channels(1, -1)])
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "Stops listening to messages posted to shard channels.",
        )
        .later(PUB_SUB),
    row("unsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) where N is the number of channels to unsubscribe.",
            "Stops listening to messages posted to channels.",
        )
        .later(PUB_SUB),
];
