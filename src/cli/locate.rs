//! `ketch where`: which shard keys belong to and why, and which nodes serve them right now.
//!
//! Placement needs no server. The nodes are asked once; `--offline` leaves that out.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::connect::{believed, in_parallel, node, sentinel};
use super::exit;
use super::load::{self, Options};
use crate::base::Address;
use crate::config::{PoolConfig, ReadPolicy, ShardConfig, SourceConfig};
use crate::failover::mapped;
use crate::placement::{Explanation, Placement};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The keys
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// The pool, if there are several; all of them unless given
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Ask no Sentinel and no node
    #[arg(long)]
    offline: bool,
}

/// The nodes of a shard, as far as they can be told now.
#[derive(Clone, Debug, Default)]
struct Nodes {
    primary: Option<Address>,
    replicas: Vec<Address>,
}

/// A key's place in a pool.
struct Place<'a> {
    key: &'a str,
    pool: &'a PoolConfig,
    shard: &'a ShardConfig,
    explanation: Explanation,
    /// `None` if nobody was asked.
    nodes: Option<Nodes>,
}

pub(super) fn run(args: &Args, options: &Options) -> ExitCode {
    let checked = load::read(options).and_then(|text| load::check(&text, options.color));
    let config = match checked {
        Ok(checked) => checked.config,
        Err(code) => return ExitCode::from(code),
    };
    let wanted =
        |pool: &&std::sync::Arc<PoolConfig>| args.pool.as_ref().is_none_or(|name| *name == pool.name);
    let pools: Vec<_> = config.pools.iter().filter(wanted).collect();
    if pools.is_empty() {
        let names: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
        super::tell(&format!("error: there is no such pool; there are: {}\n", names.join(", ")));
        return ExitCode::from(exit::USAGE);
    }
    let mut places = Vec::new();
    for pool in pools {
        match in_pool(pool, args) {
            Ok(found) => places.extend(found),
            Err(problem) => {
                super::tell(&format!("error: pool {}: {problem}\n", pool.name));
                return ExitCode::from(exit::CONFIG);
            }
        }
    }
    if args.json {
        let list: Vec<Value> = places.iter().map(as_json).collect();
        super::say(&format!("{:#}\n", Value::Array(list)));
    } else {
        super::say(&places.iter().map(as_text).collect::<Vec<_>>().join("\n"));
    }
    let unknown =
        places.iter().any(|place| place.nodes.as_ref().is_some_and(|nodes| nodes.primary.is_none()));
    ExitCode::from(if unknown { exit::UNAVAILABLE } else { 0 })
}

fn in_pool<'a>(pool: &'a PoolConfig, args: &'a Args) -> Result<Vec<Place<'a>>, String> {
    let shards: Vec<(&str, u32)> =
        pool.shards.iter().map(|shard| (shard.name.as_str(), shard.weight)).collect();
    let placement = Placement::new(&pool.hash, &pool.distribution, pool.hash_tag, &shards)
        .map_err(|error| error.to_string())?;
    let nodes = if args.offline { None } else { Some(ask(pool)) };
    let place = |key: &'a String| {
        let explanation = placement.explain(key.as_bytes());
        let nodes = nodes.as_ref().map(|nodes| nodes[explanation.shard].clone());
        Place { key, pool, shard: &pool.shards[explanation.shard], explanation, nodes }
    };
    Ok(args.keys.iter().map(place).collect())
}

/// The nodes of every shard, in the order of the shards.
fn ask(pool: &PoolConfig) -> Vec<Nodes> {
    match &pool.source {
        SourceConfig::Sentinel(sentinels) => ask_sentinels(pool, sentinels),
        SourceConfig::Static => pool.shards.iter().map(|shard| ask_nodes(pool, shard)).collect(),
    }
}

fn ask_sentinels(pool: &PoolConfig, sentinels: &[Address]) -> Vec<Nodes> {
    let names: Vec<&str> = pool.shards.iter().map(|shard| shard.master.as_str()).collect();
    let told =
        in_parallel(sentinels, |at| sentinel::look(at, &pool.auth, &names, pool.timeouts.connect).ok());
    let of = |shard: &ShardConfig| {
        let views: Vec<_> = sentinels
            .iter()
            .zip(&told)
            .filter_map(|(at, told)| {
                Some((at, told.as_ref()?.masters.iter().find(|m| m.name == shard.master)?))
            })
            .collect();
        let Some(view) = believed(&views) else { return Nodes::default() };
        let replicas = view.replicas.iter().filter(|replica| !replica.is_down);
        Nodes {
            primary: Some(mapped(&pool.address_map, &view.announced)),
            replicas: replicas.map(|replica| mapped(&pool.address_map, &replica.announced)).collect(),
        }
    };
    pool.shards.iter().map(of).collect()
}

fn ask_nodes(pool: &PoolConfig, shard: &ShardConfig) -> Nodes {
    let auth = &pool.auth;
    let seen = in_parallel(&shard.nodes, |address| {
        node::look(address, auth.username.as_deref(), auth.password.as_ref(), pool.timeouts.connect).ok()
    });
    let mut nodes = Nodes::default();
    let mut primaries = Vec::new();
    for (address, seen) in shard.nodes.iter().zip(seen) {
        match seen {
            Some(seen) if seen.is_primary => primaries.push(address.clone()),
            Some(_) => nodes.replicas.push(address.clone()),
            None => {}
        }
    }
    // Two that claim it: which one is right cannot be told from here.
    if let [one] = primaries.as_slice() {
        nodes.primary = Some(one.clone());
    }
    nodes
}

/// Which nodes a read may go to under a policy.
fn readers(policy: ReadPolicy, nodes: &Nodes) -> Vec<Address> {
    let primary = || nodes.primary.iter().cloned().collect::<Vec<_>>();
    let either = |first: Vec<Address>, second: Vec<Address>| if first.is_empty() { second } else { first };
    match policy {
        ReadPolicy::Primary => primary(),
        ReadPolicy::PreferPrimary => either(primary(), nodes.replicas.clone()),
        ReadPolicy::Replica => nodes.replicas.clone(),
        ReadPolicy::PreferReplica => either(nodes.replicas.clone(), primary()),
        ReadPolicy::Any => primary().into_iter().chain(nodes.replicas.iter().cloned()).collect(),
    }
}

fn as_json(place: &Place<'_>) -> Value {
    let mut object = json!({
        "key": place.key,
        "pool": place.pool.name,
        "shard": place.shard.name,
        "hash": place.explanation.hash,
        "point": place.explanation.point,
    });
    if let Some(nodes) = &place.nodes {
        let reads = readers(place.pool.reads, nodes);
        object["write"] = nodes.primary.as_ref().map(Address::to_string).into();
        object["read"] = reads.iter().map(Address::to_string).collect();
    }
    object
}

fn as_text(place: &Place<'_>) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let key = if place.key.is_empty() { "\"\"" } else { place.key };
    let _ = writeln!(out, "{key}");
    let _ = writeln!(out, "  shard  {}/{}", place.pool.name, place.shard.name);
    let _ = writeln!(out, "  hash   {} by {}", place.explanation.hash, place.pool.hash);
    if let Some(point) = place.explanation.point {
        let _ = writeln!(out, "  point  {point} on the ring of {}", place.pool.distribution);
    }
    if let Some(nodes) = &place.nodes {
        let primary =
            nodes.primary.as_ref().map_or("nowhere: no primary was found".to_owned(), Address::to_string);
        let reads: Vec<String> = readers(place.pool.reads, nodes).iter().map(Address::to_string).collect();
        let reads =
            if reads.is_empty() { "nowhere: no such node was found".to_owned() } else { reads.join(", ") };
        let _ = writeln!(out, "  write  {primary}");
        let _ = writeln!(out, "  read   {reads}");
    }
    out
}
