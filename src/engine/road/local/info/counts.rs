//! Clients, Stats, Commandstats, Errorstats: what Ketch counted of its pool since the start, or since
//! CONFIG RESETSTAT. The metrics never go back; a reset notes where they stood (`topology::Baseline`).

use core::sync::atomic::Ordering;
use std::collections::BTreeMap;

use crate::command::{RowId, find_name, rows};
use crate::metrics::{Row, catalog};

use super::{Lines, nodes};
use crate::engine::road::local::Context;

const COMMANDS: &str = "total_commands_processed";
const ERRORS: &str = "total_error_replies";

pub(super) fn clients(lines: &mut Lines, cx: &Context<'_>) {
    lines.line("connected_clients", cx.pool.facts.clients());
    lines.line("cluster_connections", 0);
    lines.line("maxclients", cx.pool.max_clients());
    lines.line("blocked_clients", blocked(cx));
    lines.line("tracking_clients", 0);
}

/// Clients that a command keeps waiting, and, as in Redis, those that wait for the end of a pause.
fn blocked(cx: &Context<'_>) -> usize {
    cx.pool.facts.blocked.load(Ordering::Relaxed) + cx.pool.facts.paused_clients()
}

pub(super) fn stats(lines: &mut Lines, cx: &Context<'_>) {
    let counted = totals(cx);
    let since = |name: &str| cx.pool.facts.baseline.since(name, counted.get(name).copied().unwrap_or(0));
    let rates = &cx.pool.facts.rates;
    let kib = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    let mut line = |name: &str| lines.line(name, since(name));
    line("total_connections_received");
    line(COMMANDS);
    lines.line("instantaneous_ops_per_sec", rates.commands.load(Ordering::Relaxed));
    let mut line = |name: &str| lines.line(name, since(name));
    line("total_net_input_bytes");
    line("total_net_output_bytes");
    lines.line("instantaneous_input_kbps", kib(rates.received_bytes.load(Ordering::Relaxed)));
    lines.line("instantaneous_output_kbps", kib(rates.sent_bytes.load(Ordering::Relaxed)));
    lines.line("rejected_connections", since("rejected_connections"));
    if let Some(counts) = nodes::counts(cx) {
        lines.line("expired_keys", counts.expired_keys);
        lines.line("evicted_keys", counts.evicted_keys);
        lines.line("keyspace_hits", counts.keyspace_hits);
        lines.line("keyspace_misses", counts.keyspace_misses);
    }
    lines.line(ERRORS, since(ERRORS));
}

/// The time is what nodes let commands wait: that of Ketch's own answers is none.
pub(super) fn commandstats(lines: &mut Lines, cx: &Context<'_>) {
    for (name, counts) in commands(cx) {
        let now = WHAT.iter().zip(counts);
        let since = now.map(|(what, now)| cx.pool.facts.baseline.since(&of_command(what, &name), now));
        let [calls, micros, rejected, failed]: [u64; 4] =
            since.collect::<Vec<_>>().try_into().unwrap_or_default();
        if calls + rejected + failed > 0 {
            let each = micros as f64 / calls.max(1) as f64;
            lines.write(format_args!(
                "cmdstat_{name}:calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={rejected},\
                 failed_calls={failed}\r\n"
            ));
        }
    }
}

pub(super) fn errorstats(lines: &mut Lines, cx: &Context<'_>) {
    for (code, count) in counted(cx, &catalog::COMMAND_ERRORS_TOTAL) {
        let count = cx.pool.facts.baseline.since(&errors_of(&code), count);
        if count > 0 {
            lines.write(format_args!("errorstat_{code}:count={count}\r\n"));
        }
    }
}

/// CONFIG RESETSTAT: all that is told here begins anew.
pub(in crate::engine::road::local) fn reset(cx: &Context<'_>) {
    let mut counters = totals(cx);
    for (name, counts) in commands(cx) {
        counters.extend(WHAT.iter().zip(counts).map(|(what, now)| (of_command(what, &name), now)));
    }
    for (code, count) in counted(cx, &catalog::COMMAND_ERRORS_TOTAL) {
        counters.insert(errors_of(&code), count);
    }
    cx.pool.facts.baseline.reset(counters);
    cx.pool.facts.rates.memory_peak.store(0, Ordering::Relaxed);
    cx.pool.nodes.iter().for_each(|node| node.facts.reset_counts());
}

fn of_command(what: &str, command: &str) -> String {
    format!("{what} of {command}")
}

fn errors_of(code: &str) -> String {
    format!("errors {code}")
}

/// By what INFO calls them, since the start.
fn totals(cx: &Context<'_>) -> BTreeMap<String, u64> {
    let total = |row| counted(cx, row).map(|(_, count)| count).sum::<u64>();
    let facts = &cx.pool.facts;
    [
        ("total_connections_received", facts.accepted.load(Ordering::Relaxed)),
        (COMMANDS, total(&catalog::COMMANDS_TOTAL)),
        ("total_net_input_bytes", total(&catalog::CLIENT_RECEIVED_BYTES_TOTAL)),
        ("total_net_output_bytes", total(&catalog::CLIENT_SENT_BYTES_TOTAL)),
        ("rejected_connections", facts.rejected.load(Ordering::Relaxed)),
        (ERRORS, total(&catalog::COMMAND_ERRORS_TOTAL)),
    ]
    .into_iter()
    .map(|(name, count)| (name.to_owned(), count))
    .collect()
}

/// What is counted of each command, in Redis's order.
const WHAT: [&str; 4] = ["calls", "usec", "rejected", "failed"];

/// Each command that was called, or refused when it was to be, and `WHAT` of it.
fn commands<'a>(cx: &'a Context<'_>) -> impl Iterator<Item = (String, [u64; 4])> + 'a {
    let waited = &cx.pool.facts.waited;
    let mut calls: BTreeMap<String, u64> = counted(cx, &catalog::COMMANDS_TOTAL).collect();
    for row in rows().iter().filter(|row| waited.rejected(Some(row.id())) > 0) {
        calls.entry(row.name.to_owned()).or_default();
    }
    calls.into_iter().map(|(name, calls)| {
        let row: Option<RowId> = find_name(name.as_bytes()).map(|row| row.id());
        (name, [calls, waited.of(row).as_micros() as u64, waited.rejected(row), waited.failed(row)])
    })
}

/// The series of this pool: the second label where there is one, and the count.
fn counted(cx: &Context<'_>, row: &'static Row) -> impl Iterator<Item = (String, u64)> {
    let samples = cx.registry.samples(row).into_iter();
    samples.filter(|(labels, _)| labels.first() == Some(&cx.pool.config.name)).map(|(mut labels, count)| {
        let second = if labels.len() > 1 { labels.swap_remove(1) } else { String::new() };
        (second, count as u64)
    })
}
