//! What only a Sentinel knows. Clients that look for a primary through Sentinels ask Ketch the same, and
//! find Ketch. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("sentinel", -2, &[ADMIN], &[])
        .doc("2.8.4", "that of the subcommand", "Groups what is asked of a Sentinel.")
        .known(Known::Sentinel),
    row("sentinel|ckquorum", 3, &[ADMIN], &[])
        .doc("2.8.4", "", "Tells whether enough Sentinels are there for a failover.")
        .known(Known::Sentinel)
        .local(Local::SentinelCkquorum),
    row("sentinel|config", -3, &[ADMIN], &[])
        .doc("6.2.0", "O(1)", "Reads and changes what concerns the whole Sentinel.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|debug", -2, &[ADMIN], &[])
        .doc("7.0.0", "O(N) for N parameters", "Reads and changes the times by which a Sentinel acts.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|failover", 3, &[ADMIN], &[])
        .doc("2.8.4", "", "Makes a replica the primary, whatever the other Sentinels think.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|flushconfig", 2, &[ADMIN], &[])
        .doc("2.8.4", "O(1)", "Writes the Sentinel's configuration file anew.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|get-master-addr-by-name", 3, &[ADMIN], &[])
        .doc(
            "2.8.4",
            "O(1)",
            "Tells where the primary of that name is: for Ketch, the listener that takes writes.",
        )
        .known(Known::Sentinel)
        .local(Local::SentinelAddress),
    row("sentinel|help", 2, &[LOADING, STALE], &[])
        .doc("6.2.0", "O(1)", "Explains the subcommands of SENTINEL.")
        .known(Known::Sentinel)
        .local(Local::Help),
    row("sentinel|info-cache", -3, &[ADMIN], &[])
        .doc(
            "3.2.0",
            "O(N) for N instances",
            "Returns the INFO answers that the Sentinel keeps of its instances.",
        )
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|is-master-down-by-addr", 6, &[ADMIN], &[])
        .doc(
            "2.8.4",
            "O(1)",
            "Tells whether the Sentinel thinks that a primary is down, and asks for its vote.",
        )
        .known(Known::Sentinel)
        .local(Local::SentinelIsMasterDown),
    row("sentinel|master", 3, &[ADMIN], &[])
        .doc("2.8.4", "O(1)", "Describes the primary of that name.")
        .known(Known::Sentinel)
        .local(Local::SentinelMaster),
    row("sentinel|masters", 2, &[ADMIN], &[])
        .doc("2.8.4", "O(N) for N primaries", "Describes every primary that is watched.")
        .known(Known::Sentinel)
        .local(Local::SentinelMasters),
    row("sentinel|monitor", 6, &[ADMIN], &[])
        .doc("2.8.4", "O(1)", "Begins to watch a primary under a name.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|myid", 2, &[ADMIN], &[])
        .doc("6.2.0", "O(1)", "Tells the id of the Sentinel.")
        .known(Known::Sentinel)
        .local(Local::SentinelMyid),
    row("sentinel|pending-scripts", 2, &[ADMIN], &[])
        .doc("2.8.4", "", "Lists the notification scripts that are yet to run.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|remove", 3, &[ADMIN], &[])
        .doc("2.8.4", "O(1)", "Ceases to watch a primary.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|replicas", 3, &[ADMIN], &[])
        .doc(
            "5.0.0",
            "O(N) for N replicas",
            "Describes the replicas of a primary: for Ketch, the listeners for reads.",
        )
        .known(Known::Sentinel)
        .local(Local::SentinelReplicas),
    row("sentinel|reset", 3, &[ADMIN], &[])
        .doc(
            "2.8.4",
            "O(N) for N primaries",
            "Forgets what is known of the primaries whose names fit a pattern.",
        )
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|sentinels", 3, &[ADMIN], &[])
        .doc("2.8.4", "O(N) for N Sentinels", "Describes the other Sentinels of a primary.")
        .known(Known::Sentinel)
        .local(Local::SentinelSentinels),
    row("sentinel|set", -5, &[ADMIN], &[])
        .doc("2.8.4", "O(1)", "Changes how a primary is watched.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|simulate-failure", -3, &[ADMIN], &[])
        .doc("3.2.0", "", "Makes the Sentinel crash at a certain step of a failover.")
        .known(Known::Sentinel)
        .refused(SENTINEL),
    row("sentinel|slaves", 3, &[ADMIN], &[])
        .doc("2.8.0", "O(N) for N replicas", "Does what SENTINEL REPLICAS does, under its older name.")
        .known(Known::Sentinel)
        .local(Local::SentinelReplicas),
];
