//! `docs/commands.md`: for every command what Ketch does, written from the table, so that nobody has to
//! keep a second list. `tests/pure/commands_manual.rs` compares the file with it.

use core::fmt::Write;

use super::row::{Flags, Group, Handling, Known, Local, PubSub, ReplyPolicy, Row, Split, Topic};
use super::table::rows;

const INTRO: &str = "\
# Commands

What Ketch does with every command of Redis 7.0 and Valkey 9. This page is written from the command table
(`src/command/table/`); after a change there, write it anew with

```text
KETCH_BLESS=1 cargo test --test pure commands_manual
```

| | |
|---|---|
| **its shard** | sent, as it is, to the shard of its keys. Keys on several shards: `-CROSSSLOT` |
| **split** | sent as it is while its keys are on one shard; else one part to each shard, and the replies are put together. A write is not atomic then; `cross_shard_writes = false` forbids it |
| **every shard** | sent to the primary of every shard; the replies are put together |
| **Ketch** | answered by Ketch itself, without a node |
| **not yet** | answered with an error that says so |
| **refused** | never sent: an error says why, and what to use instead |

A *read* may go to a replica, as `reads` says; everything else is a write and goes to the primary. Redis's flag
`readonly` decides, so that scripts, `PUBLISH` and the like are writes. `ketch explain` tells where a key lies.
";

/// The whole file.
pub fn manual() -> String {
    let mut text = INTRO.to_owned();
    let mut group: Option<Group> = None;
    for row in rows().iter().filter(|row| is_told(row)) {
        if group != Some(row.group) {
            group = Some(row.group);
            heading(&mut text, row.group);
        }
        let name = row.name.replace('|', " ").to_uppercase();
        writeln!(text, "| `{name}` | {} | {} |", row.summary, deed(row)).expect("a String takes everything");
    }
    text
}

/// A group of subcommands does nothing alone.
fn is_told(row: &Row) -> bool {
    !row.has_subcommands() || row.arity_fits(1)
}

fn heading(text: &mut String, group: Group) {
    let name = group.name().replace('-', " ");
    let (first, rest) = name.split_at(1);
    let title = format!("{}{rest}", first.to_uppercase());
    write!(text, "\n## {title}\n\n| command | what it is for | what Ketch does |\n|---|---|---|\n")
        .expect("a String takes everything");
}

fn deed(row: &Row) -> String {
    let deed = match row.handling {
        Handling::Forward if row.keys.is_empty() => format!("the first shard; a {}", access(row)),
        Handling::Forward => format!("its shard; a {}{}", access(row), blocking(row)),
        Handling::Split(split) => format!("split; a {}: {}", access(row), joined(split)),
        Handling::EachShard => format!("every shard; a {}: {}", access(row), gathered(row.reply)),
        Handling::Scan if row.keys.is_empty() => {
            "one primary after the other; the cursor tells which, and is good after a restart of Ketch"
                .to_owned()
        }
        Handling::Scan => {
            "the primary of its shard; begins anew where that is another process now".to_owned()
        }
        Handling::RandomKey => "a shard, drawn by how many keys each has".to_owned(),
        Handling::Wait => {
            "Ketch, from the offsets of the shards that the client wrote to: the least count".to_owned()
        }
        Handling::Local(local) => format!("Ketch{}", remark(local)),
        Handling::Transaction(_) => {
            "Ketch, as on one server; all keys of a transaction are on one shard".to_owned()
        }
        Handling::PubSub(does) => messages(does).to_owned(),
        Handling::Later(why) => format!("**not yet**: {why}"),
        Handling::Refused(why) => format!("**refused**: {why}"),
    };
    let only = match row.known {
        Known::Both => "",
        Known::Valkey => " (Valkey only)",
        Known::Sentinel => "",
    };
    deed + only
}

fn messages(does: PubSub) -> &'static str {
    match does {
        PubSub::Subscribe(Topic::Pattern) => "every shard, by an upstream that its subscribers share",
        PubSub::Subscribe(_) => {
            "the channel's shard, by an upstream that its subscribers share; `__keyspace@` where the key is, \
             `__keyevent@` on every shard"
        }
        PubSub::Unsubscribe(_) => "Ketch; nodes are told where nobody else needs it",
        PubSub::Publish(_) => {
            "the channel's shard; a write: who is subscribed through this Ketch counts one by one"
        }
        PubSub::Channels => "every shard: all of them, each once",
        PubSub::NumSub(_) | PubSub::NumPat => {
            "every shard: who is subscribed through this Ketch counts one by one"
        }
    }
}

fn access(row: &Row) -> &'static str {
    if row.is_read() { "read" } else { "write" }
}

fn blocking(row: &Row) -> &'static str {
    if row.flags.contains(Flags::BLOCKING) { "; where it blocks, on a connection of its own" } else { "" }
}

fn joined(split: Split) -> &'static str {
    match split {
        Split::Mget => "values in the order of their keys; an error of one shard is the answer",
        Split::Mset => "OK when all parts succeeded",
        Split::Del | Split::Unlink | Split::Exists | Split::Touch => "the sum",
    }
}

fn gathered(policy: ReplyPolicy) -> &'static str {
    match policy {
        ReplyPolicy::AggSum => "the sum",
        ReplyPolicy::AllSucceeded => "OK when all succeeded",
        ReplyPolicy::OneSucceeded => "the first that succeeded",
        ReplyPolicy::AggLogicalAnd => "true where all say so",
        ReplyPolicy::AggLogicalOr => "true where one says so",
        ReplyPolicy::AggMin => "the least",
        ReplyPolicy::AggMax => "the most",
        ReplyPolicy::None | ReplyPolicy::Special => "all of them",
    }
}

/// How Ketch's answer differs from a server's; nothing where it does not.
fn remark(local: Local) -> &'static str {
    match local {
        Local::Info => {
            ": about the pool as one Redis. Memory, keyspace and what nodes count are sums over the primaries, as they \
             reported them within the last seconds; CPU is Ketch's own; `# Ketch` and `# Shards` tell what stands behind it"
        }
        Local::ConfigGet => {
            ": Ketch's own parameters (`ketch.*`), and the few of Redis that clients ask for; a node's are asked of the node"
        }
        Local::ConfigSet => {
            ": `maxclients`, `timeout`, `slowlog-log-slower-than`, `slowlog-max-len`, `latency-monitor-threshold`, for this \
             pool, until Ketch ends; several at once or none. Others only to the value that they have"
        }
        Local::ConfigResetstat => ": what INFO counts begins anew; metrics never go back",
        Local::Command
        | Local::CommandInfo
        | Local::CommandCount
        | Local::CommandList
        | Local::CommandDocs => ": from its table, without what modules add; DOCS without argument trees",
        Local::Role => {
            ": `master` without replicas, or `slave` on a listener for reads; an error while no shard takes writes"
        }
        Local::NoCluster => ": `-ERR This instance has cluster support disabled`, on which clients fall back",
        Local::SlowlogGet | Local::SlowlogLen | Local::SlowlogReset => {
            ": requests of this pool that a node took long for, from sending to hearing the reply"
        }
        Local::CommandlogGet | Local::CommandlogLen | Local::CommandlogReset => {
            ": of `slow` what SLOWLOG has; of large requests and replies nothing is recorded"
        }
        Local::LatencyHistogram => ": empty, since none is kept of each command",
        Local::LatencyLatest
        | Local::LatencyHistory
        | Local::LatencyReset
        | Local::LatencyGraph
        | Local::LatencyDoctor => {
            ": events `command` and `fast-command`, requests that took a node longer than `latency-monitor-threshold`"
        }
        Local::MemoryStats | Local::MemoryDoctor | Local::MemoryMallocStats | Local::MemoryPurge => {
            ": about its own process"
        }
        Local::SentinelAddress
        | Local::SentinelMasters
        | Local::SentinelMaster
        | Local::SentinelReplicas
        | Local::SentinelSentinels
        | Local::SentinelCkquorum
        | Local::SentinelIsMasterDown
        | Local::SentinelMyid => {
            ": by the name of the pool, a shard or its master one finds Ketch's own listeners (`announce`)"
        }
        Local::Help => ": lists what is not refused",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_does_something_alone_is_told_once() {
        let manual = manual();
        for row in rows().iter().filter(|row| is_told(row)) {
            let name = row.name.replace('|', " ").to_uppercase();
            assert_eq!(manual.matches(&format!("| `{name}` |")).count(), 1, "{name}");
        }
        assert!(manual.contains("\n## Sorted set\n"));
    }
}
