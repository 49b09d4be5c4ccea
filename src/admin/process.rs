//! What the operating system says about this process: the `process_*` metrics that every exporter has.
//! Linux's `/proc`; where it is missing, the series are.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::metrics::{Row, catalog};

use super::Admin;

/// Asks the operating system for one number; `None` where it has none.
type Ask = fn() -> Option<f64>;

pub(super) fn register(admin: &Admin) {
    let started = admin.started_unix();
    let rows: [(&'static Row, Ask); 5] = [
        (&catalog::PROCESS_CPU_SECONDS_TOTAL, cpu_seconds),
        (&catalog::PROCESS_RESIDENT_MEMORY_BYTES, || status_bytes("VmRSS:")),
        (&catalog::PROCESS_VIRTUAL_MEMORY_BYTES, || status_bytes("VmSize:")),
        (&catalog::PROCESS_OPEN_FDS, open_fds),
        (&catalog::PROCESS_MAX_FDS, max_fds),
    ];
    for (row, read) in rows {
        let read = move || read().into_iter().map(|value| (vec![], value)).collect();
        admin.registry.computed(row, Box::new(read));
    }
    let read = move || vec![(vec![], started)];
    admin.registry.computed(&catalog::PROCESS_START_TIME_SECONDS, Box::new(read));
}

fn cpu_seconds() -> Option<f64> {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Some(spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9)
}

/// A line such as `VmRSS:     1234 kB` of /proc/self/status; its kB are 1,024 bytes (proc(5)).
fn status_bytes(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

fn open_fds() -> Option<f64> {
    // One of them is the folder that is being read.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn max_fds() -> Option<f64> {
    Some(getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |limit| limit as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_believable_numbers() {
        assert!(cpu_seconds().unwrap() > 0.0);
        let (resident, virtual_memory) = (status_bytes("VmRSS:").unwrap(), status_bytes("VmSize:").unwrap());
        assert!(resident > 100_000.0 && resident <= virtual_memory, "{resident} {virtual_memory}");
        let (open, max) = (open_fds().unwrap(), max_fds().unwrap());
        assert!(open >= 3.0 && open < max, "{open} {max}");
    }
}
