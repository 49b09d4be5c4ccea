//! LATENCY: delays that were recorded, by event. There are two, with Redis's names: `command`, a request
//! that a node took longer for than `latency-monitor-threshold`, and `fast-command`, the same of commands
//! that should be done in no time. No histogram is kept of each command, so HISTOGRAM is empty.

use core::fmt::Write;

use crate::resp::{array, bulk, integer as number, map, verbatim};
use crate::topology::{Delays, lock};

use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect};

pub(super) fn latest<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let latencies = lock(&cx.pool.facts.latencies);
    array(out, latencies.events().len());
    for (event, delays) in latencies.events() {
        let (at, millis) = delays.samples.back().copied().unwrap_or_default();
        array(out, 4);
        bulk(out, event.as_bytes());
        [at, millis, delays.max].iter().for_each(|value| number(out, *value as i64));
    }
    Ok(Effect::None)
}

pub(super) fn history<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let latencies = lock(&cx.pool.facts.latencies);
    let delays = latencies.of(args.get(2)).map(|(_, delays)| delays);
    array(out, delays.map_or(0, |delays| delays.samples.len()));
    for (at, millis) in delays.iter().flat_map(|delays| &delays.samples) {
        array(out, 2);
        number(out, *at as i64);
        number(out, *millis as i64);
    }
    Ok(Effect::None)
}

/// LATENCY RESET [event …]: how many there were.
pub(super) fn reset<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let mut latencies = lock(&cx.pool.facts.latencies);
    let forgotten = match args.len() {
        2 => latencies.clear(),
        _ => args.from(2).iter().filter(|event| latencies.forget(event)).count(),
    };
    number(out, forgotten as i64);
    Ok(Effect::None)
}

pub(super) fn histogram<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    map(out, cx.client.protocol, 0);
    Ok(Effect::None)
}

pub(super) fn graph<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let latencies = lock(&cx.pool.facts.latencies);
    let Some((event, delays)) = latencies.of(args.get(2)) else {
        return Err(Refusal::NoSamples(args.get(2)));
    };
    verbatim(out, cx.client.protocol, drawing(event, delays).as_bytes());
    Ok(Effect::None)
}

/// Lines of a graph, and its width at most.
const HEIGHT: u64 = 5;
const WIDTH: usize = 80;

/// The heading as Redis has it; below it a column a delay, the latest at the right.
fn drawing(event: &str, delays: &Delays) -> String {
    let skip = delays.samples.len().saturating_sub(WIDTH);
    let shown: Vec<u64> = delays.samples.iter().skip(skip).map(|(_, millis)| *millis).collect();
    let (high, low) = (shown.iter().max().copied(), shown.iter().min().copied());
    let (high, low) = (high.unwrap_or(0), low.unwrap_or(0));
    let mut text = format!(
        "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        delays.max,
        "-".repeat(WIDTH)
    );
    for line in (1..=HEIGHT).rev() {
        let reaches = |millis: &u64| millis * HEIGHT >= high * line || line == 1;
        let columns: String = shown.iter().map(|millis| if reaches(millis) { '#' } else { ' ' }).collect();
        text.push_str(columns.trim_end());
        text.push('\n');
    }
    text
}

pub(super) fn doctor<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let latencies = lock(&cx.pool.facts.latencies);
    let threshold = cx.pool.facts.settings.latency_threshold_millis();
    let mut text = String::new();
    if threshold == 0 && latencies.events().len() == 0 {
        text += "Latency monitoring is disabled in this Ketch. CONFIG SET latency-monitor-threshold <milliseconds> \
                 enables it.\n";
    } else if latencies.events().len() == 0 {
        text += "No delay above the threshold was seen.\n";
    }
    for (event, delays) in latencies.events() {
        let count = delays.samples.len() as u64;
        let mean = delays.samples.iter().map(|(_, millis)| millis).sum::<u64>() / count.max(1);
        writeln!(text, "{event}: {count} delays, {mean} ms on average, {} ms at most.", delays.max)
            .expect("a String takes everything");
    }
    if latencies.events().len() > 0 {
        text += "These are times from sending a request to a node to hearing its reply. SLOWLOG GET tells which \
                 requests they were; LATENCY DOCTOR on the node itself may tell why.\n";
    }
    verbatim(out, cx.client.protocol, text.as_bytes());
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::Local;
    use crate::resp::Protocol;
    use crate::topology::lock;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    fn fixture() -> Fixture {
        let fixture = Fixture::new(|_| {});
        for (at, millis) in [(100, 20), (101, 40), (102, 10)] {
            lock(&fixture.pool().facts.latencies).note("command", at, millis);
        }
        fixture
    }

    #[test]
    fn delays_are_told_in_the_form_of_redis() {
        let fixture = fixture();
        for (local, request, reply) in [
            (Local::LatencyLatest, "LATENCY LATEST", "*1\r\n*4\r\n$7\r\ncommand\r\n:102\r\n:10\r\n:40\r\n"),
            (
                Local::LatencyHistory,
                "LATENCY HISTORY Command",
                "*3\r\n*2\r\n:100\r\n:20\r\n*2\r\n:101\r\n:40\r\n*2\r\n:102\r\n:10\r\n",
            ),
            (Local::LatencyHistory, "LATENCY HISTORY fork", "*0\r\n"),
            (Local::LatencyHistogram, "LATENCY HISTOGRAM get", "*0\r\n"),
            (Local::LatencyReset, "LATENCY RESET fork command", ":1\r\n"),
            (Local::LatencyLatest, "LATENCY LATEST", "*0\r\n"),
            (Local::LatencyReset, "LATENCY RESET", ":0\r\n"),
        ] {
            fixture.check(local, request, reply, Effect::None);
        }
    }

    #[test]
    fn a_graph_shows_each_delay() {
        let mut fixture = fixture();
        let (text, _) = fixture.ask(Local::LatencyGraph, "LATENCY GRAPH command");
        let rule = "-".repeat(80);
        let expected =
            format!("command - high 40 ms, low 10 ms (all time high 40 ms)\n{rule}\n #\n #\n #\n##\n###\n");
        assert!(text.ends_with(&format!("{expected}\r\n")), "{text}");
        let none = "-ERR No samples available for event 'fork'\r\n";
        fixture.check_error(Local::LatencyGraph, "LATENCY GRAPH fork", none, "no_samples");
        fixture.protocol = Protocol::Resp3;
        assert!(fixture.ask(Local::LatencyGraph, "LATENCY GRAPH command").0.starts_with('='));
    }

    #[test]
    fn the_doctor_says_what_there_is() {
        let fixture = fixture();
        assert!(fixture.ask(Local::LatencyDoctor, "LATENCY DOCTOR").0.contains("command: 3 delays, 23 ms"));
        let fixture = Fixture::new(|_| {});
        assert!(fixture.ask(Local::LatencyDoctor, "LATENCY DOCTOR").0.contains("disabled in this Ketch"));
    }
}
