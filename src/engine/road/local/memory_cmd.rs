//! MEMORY about Ketch itself, as far as it knows. What a key takes (USAGE) is asked of its node.

use core::sync::atomic::Ordering;

use crate::resp::{bulk, integer as number, map, verbatim};

use super::info::nodes;
use super::{Answer, Context, Effect, ok};

/// Bytes of this process in RAM: now, and at most so far; `None` where the system does not tell.
fn resident(cx: &Context<'_>) -> Option<(u64, u64)> {
    let usage = &cx.facts.usage;
    let (now, peak) = (usage.resident.load(Ordering::Relaxed), usage.resident_peak.load(Ordering::Relaxed));
    (now > 0).then_some((now, peak.max(now)))
}

/// Redis's names. `keys.count` is the pool's.
pub(super) fn stats<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let resident = resident(cx).map(|(now, peak)| [("peak.allocated", peak), ("total.allocated", now)]);
    let keys = [("keys.count", nodes::keys(cx))];
    let told: Vec<(&str, u64)> = resident.into_iter().flatten().chain(keys).collect();
    map(out, cx.client.protocol, told.len());
    for (name, value) in told {
        bulk(out, name.as_bytes());
        number(out, value as i64);
    }
    Ok(Effect::None)
}

pub(super) fn doctor<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let here = match resident(cx) {
        Some((now, peak)) => {
            format!("This Ketch takes {:.1} MiB, and took {:.1} at most.", mib(now), mib(peak))
        }
        None => "How much memory this Ketch takes is not known here.".to_owned(),
    };
    let text = format!(
        "{here} It holds no data: what it keeps are requests and replies on their way, each within a limit of the \
         configuration. MEMORY DOCTOR on the address of a node tells about the node.\n"
    );
    verbatim(out, cx.client.protocol, text.as_bytes());
    Ok(Effect::None)
}

/// Redis's words where its allocator has no report.
pub(super) fn malloc_stats<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    bulk(out, b"Stats not supported for the current allocator");
    Ok(Effect::None)
}

/// Free memory is given back by itself.
pub(super) fn purge<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    ok(out);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn ketch_tells_of_itself() {
        let fixture = Fixture::new(|_| {});
        fixture.check(Local::MemoryStats, "MEMORY STATS", "*2\r\n$10\r\nkeys.count\r\n:0\r\n", Effect::None);
        let usage = fixture.usage();
        usage.resident.store(3 << 20, Ordering::Relaxed);
        usage.resident_peak.store(4 << 20, Ordering::Relaxed);
        let stats = "*6\r\n$14\r\npeak.allocated\r\n:4194304\r\n$15\r\ntotal.allocated\r\n:3145728\r\n\
            $10\r\nkeys.count\r\n:0\r\n";
        fixture.check(Local::MemoryStats, "MEMORY STATS", stats, Effect::None);
        let (text, _) = fixture.ask(Local::MemoryDoctor, "MEMORY DOCTOR");
        assert!(text.contains("This Ketch takes 3.0 MiB, and took 4.0 at most."), "{text}");
        fixture.check(Local::MemoryPurge, "MEMORY PURGE", "+OK\r\n", Effect::None);
        assert!(fixture.ask(Local::MemoryMallocStats, "MEMORY MALLOC-STATS").0.contains("not supported"));
    }
}
