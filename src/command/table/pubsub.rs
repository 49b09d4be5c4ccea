//! Commands that publish and subscribe. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("psubscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc(
            "2.0.0",
            "O(N) for N patterns",
            "Subscribes the connection to every channel whose name fits a pattern.",
        )
        .pubsub(PubSub::Subscribe(Topic::Pattern)),
    row("publish", 3, &[PUBSUB, LOADING, STALE, FAST], &[])
        .doc(
            "2.0.0",
            "O(N+M) for N subscribers of the channel and M patterns of all clients",
            "Sends a message to all who are subscribed to a channel.",
        )
        .pubsub(PubSub::Publish(Topic::Channel)),
    row("pubsub", -2, &[], &[]).doc(
        "2.8.0",
        "that of the subcommand",
        "Groups what tells about subscriptions.",
    ),
    row("pubsub|channels", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc("2.8.0", "O(N) for N channels", "Lists the channels that somebody is subscribed to.")
        .pubsub(PubSub::Channels),
    row("pubsub|help", 2, &[LOADING, STALE], &[]).doc("6.2.0", "O(1)", "Explains the subcommands of PUBSUB."),
    row("pubsub|numpat", 2, &[PUBSUB, LOADING, STALE], &[])
        .doc("2.8.0", "O(1)", "Counts the different patterns that clients are subscribed to.")
        .pubsub(PubSub::NumPat),
    row("pubsub|numsub", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "2.8.0",
            "O(N) for N channels given",
            "Counts the subscribers of each given channel, patterns left out.",
        )
        .pubsub(PubSub::NumSub(Topic::Channel)),
    row("pubsub|shardchannels", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc("7.0.0", "O(N) for N shard channels", "Lists the shard channels that somebody is subscribed to.")
        .pubsub(PubSub::Channels),
    row("pubsub|shardnumsub", -2, &[PUBSUB, LOADING, STALE], &[])
        .doc(
            "7.0.0",
            "O(N) for N shard channels given",
            "Counts the subscribers of each given shard channel.",
        )
        .pubsub(PubSub::NumSub(Topic::ShardChannel)),
    row("punsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(N) for N patterns", "Ends subscriptions to patterns, or all of them.")
        .pubsub(PubSub::Unsubscribe(Topic::Pattern)),
    row("spublish", 3, &[PUBSUB, LOADING, STALE, FAST], &[channels(1, 0)])
        .doc(
            "7.0.0",
            "O(N) for N subscribers of the shard channel",
            "Sends a message to all who are subscribed to a shard channel.",
        )
        .pubsub(PubSub::Publish(Topic::ShardChannel)),
    row("ssubscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[channels(1, -1)])
        .doc("7.0.0", "O(N) for N shard channels", "Subscribes the connection to shard channels.")
        .pubsub(PubSub::Subscribe(Topic::ShardChannel)),
    row("subscribe", -2, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(N) for N channels", "Subscribes the connection to channels.")
        .pubsub(PubSub::Subscribe(Topic::Channel)),
    row("sunsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[channels(1, -1)])
        .doc("7.0.0", "O(N) for N shard channels", "Ends subscriptions to shard channels, or all of them.")
        .pubsub(PubSub::Unsubscribe(Topic::ShardChannel)),
    row("unsubscribe", -1, &[PUBSUB, NOSCRIPT, LOADING, STALE], &[])
        .doc("2.0.0", "O(N) for N channels", "Ends subscriptions to channels, or all of them.")
        .pubsub(PubSub::Unsubscribe(Topic::Channel)),
];
