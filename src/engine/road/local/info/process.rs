//! Server and CPU: the process itself, as the control plane's sampler saw it.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::base::Time;

use super::Lines;
use crate::engine::road::local::{Context, REDIS_VERSION};

pub(super) fn server(lines: &mut Lines, cx: &Context<'_>) {
    let uptime = cx.now.since(Time::ZERO).as_secs();
    lines.line("redis_version", version(cx));
    // Clients branch on the mode: what they see behaves like one server.
    lines.line("redis_mode", "standalone");
    lines.line("proxy", "ketch");
    lines.line("ketch_version", env!("CARGO_PKG_VERSION"));
    if let Some(system) = cx.facts.usage.system.get() {
        lines.line("os", system);
    }
    lines.line("arch_bits", usize::BITS);
    lines.line("process_id", cx.facts.process_id);
    lines.line("run_id", run_id(cx));
    lines.line("tcp_port", cx.listener.address.port);
    lines.line("server_time_usec", cx.wall.as_micros());
    lines.line("uptime_in_seconds", uptime);
    lines.line("uptime_in_days", uptime / 86_400);
}

pub(super) fn cpu(lines: &mut Lines, cx: &Context<'_>) {
    let mut seconds = |key: &str, micros: &AtomicU64| {
        let micros = micros.load(Ordering::Relaxed);
        lines.write(format_args!("{key}:{}.{:06}\r\n", micros / 1_000_000, micros % 1_000_000));
    };
    seconds("used_cpu_sys", &cx.facts.usage.cpu_system_micros);
    seconds("used_cpu_user", &cx.facts.usage.cpu_user_micros);
}

/// The lowest version of Redis among the primaries: clients choose by it what they send. Until one has
/// reported, the version whose answers Ketch gives.
pub(in crate::engine::road::local) fn version(cx: &Context<'_>) -> String {
    let parts =
        |version: &str| -> Vec<u32> { version.split('.').map_while(|part| part.parse().ok()).collect() };
    let versions = cx.pool.reports().map(|(_, report)| report.version.clone());
    let known = versions.filter(|version| !parts(version).is_empty());
    known.min_by_key(|version| parts(version)).unwrap_or_else(|| REDIS_VERSION.to_owned())
}

/// Forty digits, as a server's: made of the moment at which the process began, its number and its name, so
/// that it stays the same while the process runs and is another one after that.
pub(in crate::engine::road::local) fn run_id(cx: &Context<'_>) -> String {
    let origin = cx.wall.as_nanos().saturating_sub(u128::from(cx.now.as_nanos()));
    let mut seed = origin as u64 ^ u64::from(cx.facts.process_id) << 32;
    for byte in cx.facts.name.bytes() {
        seed = seed.rotate_left(5) ^ u64::from(byte);
    }
    // The step and the mixing of SplitMix64.
    let mut next = || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut digits = format!("{:016x}{:016x}{:016x}", next(), next(), next());
    digits.truncate(40);
    digits
}
