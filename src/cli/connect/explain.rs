//! Trouble with a Sentinel or a node, in words: what we asked, what we saw, what to do.

use core::ops::Range;

use super::sentinel::Replica;
use super::{Credentials, node, sentinel};
use crate::base::Address;
use crate::cli::asker::NoReply;
use crate::config::{Code, Diagnostic, PoolConfig, ShardConfig};
use crate::failover::mapped;

/// Where a text stands in the file, if it does so in quotes.
pub(super) fn span(text: &str, written: &str) -> Option<Range<usize>> {
    let quoted = [format!("\"{written}\""), format!("'{written}'")];
    quoted.iter().find_map(|quoted| text.find(quoted.as_str()).map(|at| at..at + quoted.len()))
}

/// A Sentinel that is of no use.
pub(super) fn sentinel(
    pool: &PoolConfig,
    text: &str,
    address: &Address,
    trouble: &sentinel::Trouble,
) -> Diagnostic {
    let diagnostic = match trouble {
        sentinel::Trouble::NoReply(NoReply::NotRedis) => {
            not_a_sentinel(address, "it does not speak Redis's protocol")
        }
        sentinel::Trouble::NoReply(reason) => {
            Diagnostic::error(Code::Unreachable, format!("Sentinel {address} does not answer: {reason}"))
                .help("is it running, and may this machine connect to it?")
        }
        sentinel::Trouble::NotASentinel(what) => not_a_sentinel(address, what),
        sentinel::Trouble::Credentials(wrong) => {
            let keys = Keys { pool: &pool.name, user: "sentinel_username", password: "sentinel_password" };
            let what = format!("Sentinel {address}");
            let diagnostic = credentials(&what, &keys, pool.auth.sentinel_username.as_deref(), wrong);
            if *wrong == Credentials::Missing && pool.auth.password.is_some() {
                diagnostic.note("'password' is for the nodes only; Sentinels have their own")
            } else {
                diagnostic
            }
        }
    };
    diagnostic.at(span(text, &address.to_string()))
}

fn not_a_sentinel(address: &Address, what: &str) -> Diagnostic {
    Diagnostic::error(Code::NotASentinel, format!("{address} is not a Sentinel: {what}"))
        .help("Sentinels usually listen on port 26379")
}

/// A node of a pool without Sentinels.
pub(super) fn node(pool: &PoolConfig, text: &str, address: &Address, trouble: &node::Trouble) -> Diagnostic {
    let diagnostic = match trouble {
        node::Trouble::NoReply(NoReply::NotRedis) => {
            not_a_node(address, "it does not speak Redis's protocol")
        }
        node::Trouble::NoReply(reason) => {
            Diagnostic::error(Code::Unreachable, format!("node {address} does not answer: {reason}"))
                .help("is it running, and may this machine connect to it?")
        }
        node::Trouble::NotANode(what) => not_a_node(address, what),
        node::Trouble::Credentials(wrong) => node_credentials(pool, &format!("node {address}"), wrong),
    };
    diagnostic.at(span(text, &address.to_string()))
}

fn not_a_node(address: &Address, what: &str) -> Diagnostic {
    Diagnostic::error(Code::NotANode, format!("{address} is not a node: {what}"))
        .help("Redis usually listens on port 6379, Sentinel on 26379: Sentinels belong in 'sentinels'")
}

/// A node that Sentinels announce.
pub(super) struct Announced<'a> {
    pub(super) shard: &'a ShardConfig,
    /// `primary` or `replica`.
    pub(super) role: &'a str,
    pub(super) node: &'a Replica,
    /// Who announces it.
    pub(super) by: &'a str,
}

pub(super) fn announced(
    pool: &PoolConfig,
    text: &str,
    spoken: &Announced<'_>,
    trouble: &node::Trouble,
) -> Diagnostic {
    let address = &spoken.node.announced;
    let target = mapped(&pool.address_map, address);
    let name = format!("{} {target} of '{}'", spoken.role, spoken.shard.name);
    let diagnostic = match trouble {
        node::Trouble::NoReply(reason) if spoken.node.is_down => {
            Diagnostic::error(Code::Unreachable, format!("{name} does not answer: {reason}"))
                .note("the Sentinels see it down, too")
                .help(
                    "start it again; if it is gone for good: SENTINEL RESET on one Sentinel after the other",
                )
        }
        node::Trouble::NoReply(reason) => unreachable(pool, spoken, &target, reason),
        node::Trouble::NotANode(what) => {
            Diagnostic::error(Code::UnreachableAnnounced, format!("{name} is something else: {what}"))
                .help("set replica-announce-ip and -port there, or an address_map here")
        }
        node::Trouble::Credentials(wrong) => node_credentials(pool, &name, wrong),
    };
    diagnostic.at(span(text, &spoken.shard.master))
}

fn unreachable(pool: &PoolConfig, spoken: &Announced<'_>, target: &Address, reason: &NoReply) -> Diagnostic {
    let (address, shard) = (&spoken.node.announced, &spoken.shard.name);
    let message = format!(
        "the {} of '{shard}' is announced as {address}, which cannot be reached from here",
        spoken.role
    );
    let mut diagnostic = Diagnostic::error(Code::UnreachableAnnounced, message)
        .note(format!("announced by {}; connecting to {target}: {reason}", spoken.by));
    if address != target {
        diagnostic = diagnostic.note(format!("address_map leads from {address} to {target}"));
    }
    if address.is_loopback() {
        diagnostic = diagnostic.note(format!("{} means another machine to each who hears it", address.host));
    }
    diagnostic
        .help("set replica-announce-ip on the node and sentinel announce-ip on the Sentinels to what others can reach")
        .help(format!("or map it in [pool.{}]: address_map = {{ \"{}\" = \"HOST\" }}", pool.name, address.host))
}

/// Not exactly one node of a shard without Sentinels says that it is the primary.
pub(super) fn not_one_primary(text: &str, shard: &ShardConfig, primaries: &[String]) -> Diagnostic {
    let message = match primaries {
        [] => format!("no node of '{}' says that it is the primary", shard.name),
        many => format!(
            "{} nodes of '{}' say that they are the primary: {}",
            many.len(),
            shard.name,
            many.join(", ")
        ),
    };
    let help = match primaries {
        [] => "list all nodes of the shard, the primary included",
        _ => "make all but one replicas with REPLICAOF; or they are shards of their own",
    };
    Diagnostic::error(Code::NoPrimary, message).at(span(text, &shard.name)).help(help)
}

/// What credentials are called in the file.
struct Keys<'a> {
    pool: &'a str,
    user: &'a str,
    password: &'a str,
}

fn node_credentials(pool: &PoolConfig, what: &str, wrong: &Credentials) -> Diagnostic {
    let keys = Keys { pool: &pool.name, user: "username", password: "password" };
    credentials(what, &keys, pool.auth.username.as_deref(), wrong)
}

fn credentials(what: &str, keys: &Keys<'_>, user: Option<&str>, wrong: &Credentials) -> Diagnostic {
    let Keys { pool, user: user_key, password } = keys;
    let (message, help) = match wrong {
        Credentials::Missing => (
            format!("{what} wants a password, and none is given"),
            format!("write {password}_file or {password} in [pool.{pool}.auth]"),
        ),
        Credentials::Wrong => (
            match user {
                Some(user) => format!("{what} refuses the password of the user '{user}'"),
                None => format!("{what} refuses the password"),
            },
            format!(
                "correct {password} or {password}_file in [pool.{pool}.auth]; with an ACL give {user_key}, too"
            ),
        ),
        Credentials::NotNeeded => (
            format!("{what} has no password, but one is given"),
            format!("leave {password} out of [pool.{pool}.auth], or set one there (requirepass)"),
        ),
        Credentials::MayNot(error) => (
            format!("{what} lets the user '{}' do too little: {error}", user.unwrap_or("default")),
            "Ketch needs at least PING, ROLE, INFO and, on Sentinels, SENTINEL and PSUBSCRIBE".to_owned(),
        ),
    };
    Diagnostic::error(Code::Credentials, message).help(help)
}
