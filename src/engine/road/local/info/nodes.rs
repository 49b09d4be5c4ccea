//! Memory, Persistence, Keyspace: sums over the believed primaries, as they reported them at most a second
//! or two ago. A primary that has not reported yet, or may not, adds nothing; `shards_reporting` tells how
//! many did. Where none did, the fields are missing.

use core::sync::atomic::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::topology::{Database, NodeCounts, NodeReport};

use super::Lines;
use crate::engine::road::local::Context;

fn reports(cx: &Context<'_>) -> Vec<Arc<NodeReport>> {
    cx.pool.reports().map(|(_, report)| report).collect()
}

fn sum(reports: &[Arc<NodeReport>], field: impl Fn(&NodeReport) -> u64) -> u64 {
    reports.iter().map(|report| field(report)).sum()
}

pub(super) fn memory(lines: &mut Lines, cx: &Context<'_>) {
    let reports = reports(cx);
    if reports.is_empty() {
        return;
    }
    let used = sum(&reports, |report| report.used_memory);
    let resident = sum(&reports, |report| report.used_memory_rss);
    lines.bytes("used_memory", used);
    lines.bytes("used_memory_rss", resident);
    // Together, not each by itself: the sum of their peaks was never reached.
    lines.bytes("used_memory_peak", cx.pool.facts.rates.memory_peak.load(Ordering::Relaxed).max(used));
    lines.line("used_memory_dataset", sum(&reports, |report| report.used_memory_dataset));
    lines.bytes("maxmemory", maxmemory(&reports));
    if let Some(policy) = policy(&reports) {
        lines.line("maxmemory_policy", policy);
    }
    if used > 0 {
        lines.write(format_args!("mem_fragmentation_ratio:{:.2}\r\n", resident as f64 / used as f64));
    }
}

/// All of them together; one without a limit leaves the pool without one: 0.
fn maxmemory(reports: &[Arc<NodeReport>]) -> u64 {
    let limited = reports.iter().all(|report| report.maxmemory > 0);
    if limited { sum(reports, |report| report.maxmemory) } else { 0 }
}

/// The policy of all of them; `None` where they differ.
fn policy(reports: &[Arc<NodeReport>]) -> Option<&str> {
    let first = reports.first()?.maxmemory_policy.as_str();
    reports.iter().all(|report| report.maxmemory_policy == first).then_some(first)
}

/// What CONFIG GET tells of these two.
pub(in crate::engine::road::local) fn limits(cx: &Context<'_>) -> (u64, String) {
    let reports = reports(cx);
    (maxmemory(&reports), policy(&reports).unwrap_or("noeviction").to_owned())
}

/// Which keyspace events all primaries publish, as CONFIG GET tells it; nothing where they differ or one
/// does not tell.
pub(in crate::engine::road::local) fn keyspace_events(cx: &Context<'_>) -> String {
    let reports = reports(cx);
    let first = reports.first().and_then(|report| report.keyspace_events.as_ref());
    let same = reports.len() == cx.pool.shards.len()
        && reports.iter().all(|report| report.keyspace_events.as_ref() == first);
    first.filter(|_| same).cloned().unwrap_or_default()
}

/// Clients wait for `loading:0` before they begin. Of each state the worst is told.
pub(super) fn persistence(lines: &mut Lines, cx: &Context<'_>) {
    let reports = reports(cx);
    let any = |state: fn(&NodeReport) -> bool| u8::from(reports.iter().any(|report| state(report)));
    let status = |failed: fn(&NodeReport) -> bool| if any(failed) == 1 { "err" } else { "ok" };
    lines.line("loading", 0);
    lines.line("async_loading", 0);
    let Some(last_save) = last_save(cx) else { return };
    lines.line("rdb_changes_since_last_save", sum(&reports, |report| report.persistence.changes_since_save));
    lines.line("rdb_bgsave_in_progress", any(|report| report.persistence.saving));
    lines.line("rdb_last_save_time", last_save);
    lines.line("rdb_last_bgsave_status", status(|report| report.persistence.last_save_failed));
    lines.line("aof_enabled", u8::from(reports.iter().all(|report| report.persistence.aof)));
    lines.line("aof_rewrite_in_progress", any(|report| report.persistence.aof_rewriting));
    lines.line("aof_last_bgrewrite_status", status(|report| report.persistence.aof_rewrite_failed));
    lines.line("aof_last_write_status", status(|report| report.persistence.aof_write_failed));
}

/// When the primary that has not saved for the longest time did, in seconds since 1970.
fn last_save(cx: &Context<'_>) -> Option<u64> {
    cx.pool.reports().map(|(_, report)| report.persistence.last_save).min()
}

pub(super) fn keyspace(lines: &mut Lines, cx: &Context<'_>) {
    for database in databases(cx) {
        lines.write(format_args!(
            "db{}:keys={},expires={},avg_ttl={}\r\n",
            database.number, database.keys, database.expires, database.avg_ttl
        ));
    }
}

/// Over all primaries, by number. The mean time to live is weighted by the keys that have one.
fn databases(cx: &Context<'_>) -> Vec<Database> {
    let mut all: BTreeMap<u32, (Database, u128)> = BTreeMap::new();
    for report in reports(cx) {
        for database in &report.databases {
            let empty = Database { number: database.number, ..Database::default() };
            let (sum, ttl) = all.entry(database.number).or_insert((empty, 0));
            sum.keys += database.keys;
            sum.expires += database.expires;
            *ttl += u128::from(database.avg_ttl) * u128::from(database.expires);
        }
    }
    let mean = |(mut database, ttl): (Database, u128)| {
        database.avg_ttl = ttl.checked_div(database.expires.into()).unwrap_or(0) as u64;
        database
    };
    all.into_values().map(mean).collect()
}

/// Keys of the whole pool, as last reported.
pub(in crate::engine::road::local) fn keys(cx: &Context<'_>) -> u64 {
    databases(cx).iter().map(|database| database.keys).sum()
}

/// What the primaries counted since statistics were reset; `None` where none has reported.
pub(super) fn counts(cx: &Context<'_>) -> Option<NodeCounts> {
    let counts = cx.pool.reports().filter_map(|(node, _)| node.facts.counts());
    counts.reduce(|sum, one| NodeCounts {
        keyspace_hits: sum.keyspace_hits + one.keyspace_hits,
        keyspace_misses: sum.keyspace_misses + one.keyspace_misses,
        expired_keys: sum.expired_keys + one.expired_keys,
        evicted_keys: sum.evicted_keys + one.evicted_keys,
    })
}
