//! Once a second: what the operating system says of this process, and how much happened since the last
//! time. INFO shows both; workers and the loop have no part in it.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::metrics::{Registry, Row, catalog};
use crate::topology::{Pool, ProcessFacts, Rates, Reader, Usage};

const EVERY: Duration = Duration::from_secs(1);
/// Clock ticks a second in `/proc` (proc(5), `USER_HZ`): 100 on every architecture that Rust has Linux for.
const TICKS: u64 = 100;

/// Samples until `shutdown` says true.
pub async fn sample(
    reader: Reader,
    registry: Registry,
    facts: Arc<ProcessFacts>,
    mut shutdown: watch::Receiver<bool>,
) {
    if let Some(system) = system() {
        // It was set before only if somebody else samples, who found the same.
        let _ = facts.usage.system.set(system);
    }
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sampler = Sampler { registry, last: BTreeMap::new(), at: Instant::now() };
    loop {
        tokio::select! {
            _ = every.tick() => {}
            // An error means that whoever could say true is gone: the process ends.
            stop = shutdown.wait_for(|stop| *stop) => { drop(stop); return; }
        }
        look_at_process(&facts.usage);
        sampler.look_at(&reader.current().pools);
    }
}

/// Where the rate of a row is kept.
type Rate = fn(&Rates) -> &AtomicU64;

struct Sampler {
    registry: Registry,
    /// What was counted last, by pool and row.
    last: BTreeMap<(String, &'static str), f64>,
    at: Instant,
}

impl Sampler {
    fn look_at(&mut self, pools: &[Arc<Pool>]) {
        let passed = self.at.elapsed().as_secs_f64().max(0.001);
        self.at = Instant::now();
        let rows: [(&'static Row, Rate); 3] = [
            (&catalog::COMMANDS_TOTAL, |rates| &rates.commands),
            (&catalog::CLIENT_RECEIVED_BYTES_TOTAL, |rates| &rates.received_bytes),
            (&catalog::CLIENT_SENT_BYTES_TOTAL, |rates| &rates.sent_bytes),
        ];
        for (row, rate) in rows {
            let samples = self.registry.samples(row);
            for pool in pools {
                let name = &pool.config.name;
                let of_pool = samples.iter().filter(|(labels, _)| labels.first() == Some(name));
                let now = of_pool.map(|(_, count)| count).sum::<f64>();
                let before = self.last.insert((name.clone(), row.name), now).unwrap_or(now);
                let a_second = (now - before).max(0.0) / passed;
                rate(&pool.facts.rates).store(a_second.round() as u64, Ordering::Relaxed);
            }
        }
        for pool in pools {
            let used = pool.reports().map(|(_, report)| report.used_memory).sum();
            pool.facts.rates.memory_peak.fetch_max(used, Ordering::Relaxed);
        }
    }
}

fn look_at_process(usage: &Usage) {
    if let Some((user, system)) = cpu() {
        usage.cpu_user_micros.store(user, Ordering::Relaxed);
        usage.cpu_system_micros.store(system, Ordering::Relaxed);
    }
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    for (field, cell) in [("VmRSS:", &usage.resident), ("VmHWM:", &usage.resident_peak)] {
        if let Some(bytes) = bytes(&status, field) {
            cell.store(bytes, Ordering::Relaxed);
        }
    }
}

/// Microseconds spent as the user's and as the kernel's: fields 14 and 15 of /proc/self/stat (proc(5)).
/// The second field is a name in parentheses that may hold anything.
fn cpu() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut micros = || Some(fields.next()?.parse::<u64>().ok()? * (1_000_000 / TICKS));
    Some((micros()?, micros()?))
}

/// A line such as `VmRSS:     1234 kB`; its kB are 1,024 bytes (proc(5)).
fn bytes(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// As Redis puts it: the system, its version, its architecture.
fn system() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(format!("Linux {} {}", release.trim(), std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_believable_numbers() {
        let usage = Usage::default();
        look_at_process(&usage);
        let (resident, peak) =
            (usage.resident.load(Ordering::Relaxed), usage.resident_peak.load(Ordering::Relaxed));
        assert!(resident > 100_000 && resident <= peak, "{resident} {peak}");
        let before = cpu().unwrap();
        let started = Instant::now();
        while cpu().unwrap().0 <= before.0 && started.elapsed() < Duration::from_secs(20) {}
        assert!(cpu().unwrap().0 > before.0);
        assert!(system().unwrap().starts_with("Linux "));
    }
}
