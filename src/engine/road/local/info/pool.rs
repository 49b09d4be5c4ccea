//! Replication, Ketch, Shards: what the pool is for its clients, and what stands behind it.

use core::sync::atomic::Ordering;

use crate::config::Route;
use crate::topology::{Gate, Health, Pool, Role, Shard};

use super::Lines;
use crate::engine::road::local::{Context, role};

pub(super) fn replication(lines: &mut Lines, cx: &Context<'_>) {
    if cx.listener.route == Route::Replica {
        let primary = role::primary_of(cx);
        lines.line("role", "slave");
        lines.line("master_host", primary.host);
        lines.line("master_port", primary.port);
        lines.line("master_link_status", if role::any_writable(cx) { "up" } else { "down" });
        lines.line("master_last_io_seconds_ago", 0);
        lines.line("master_sync_in_progress", 0);
        lines.line("slave_repl_offset", 0);
        lines.line("slave_read_only", 1);
    } else {
        lines.line("role", "master");
    }
    // Clients that find replicas here would go past Ketch.
    lines.line("connected_slaves", 0);
    lines.line("master_failover_state", "no-failover");
    lines.line("master_repl_offset", 0);
}

pub(super) fn ketch(lines: &mut Lines, cx: &Context<'_>) {
    let pool = cx.pool;
    lines.line("name", &cx.facts.name);
    lines.line("pool", &pool.config.name);
    lines.line("listener", &cx.listener.address);
    lines.line("route", cx.listener.route.label());
    lines.line("topology_epoch", cx.topology.epoch);
    lines.line("workers", cx.facts.workers.len());
    lines.line("draining", u8::from(cx.facts.draining.load(Ordering::Relaxed)));
    lines.line("shards", pool.shards.len());
    lines.line("shards_writable", pool.shards.iter().filter(|shard| shard.writable()).count());
    lines.line("shards_reporting", pool.reports().count());
    lines.line("nodes", pool.nodes.len());
    lines.line(
        "nodes_up",
        pool.nodes.iter().filter(|n| matches!(n.health, Health::Up | Health::Suspect)).count(),
    );
    lines.line("held_requests", pool.facts.held.load(Ordering::Relaxed));
    lines.line("failovers_total", pool.failovers());
    let usage = &cx.facts.usage;
    for (name, bytes) in
        [("ketch_memory_rss", &usage.resident), ("ketch_memory_rss_peak", &usage.resident_peak)]
    {
        match bytes.load(Ordering::Relaxed) {
            0 => {}
            bytes => lines.line(name, bytes),
        }
    }
}

pub(super) fn shards(lines: &mut Lines, cx: &Context<'_>) {
    for (index, shard) in cx.pool.shards.iter().enumerate() {
        let replicas = || cx.pool.members(shard.id).filter(|node| node.role == Role::Replica);
        lines.write(format_args!(
            "shard{index}:name={},primary={},replicas={},replicas_serving={},state={},since={}\r\n",
            shard.name,
            primary(cx.pool, shard),
            replicas().count(),
            replicas().filter(|node| node.serves_reads).count(),
            state(shard),
            cx.now.since(shard.since).as_secs(),
        ));
    }
}

fn primary(pool: &Pool, shard: &Shard) -> String {
    pool.primary(shard.id).map_or(String::new(), |node| node.address.to_string())
}

fn state(shard: &Shard) -> &'static str {
    match shard.gate {
        Gate::Held { reason, .. } => reason.label(),
        Gate::Open if shard.primary.is_some() => "up",
        Gate::Open => "no_primary",
    }
}
