//! The slow log: the latest requests that took a node longer than a threshold, and the delays that are
//! recorded by event. Written and read so rarely that a lock does.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// The longest that CONFIG SET lets the slow log become: some 40 MiB of the longest entries.
pub const SLOW_LOG_MAX: usize = 10_000;
/// Arguments of an entry, and bytes of an argument, as Redis cuts them (slowlog.h).
const ARGS_MAX: usize = 32;
const ARG_MAX: usize = 128;
/// Delays kept of each event, as in Redis (latency.h).
const SAMPLES: usize = 160;

/// One slow request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowEntry {
    /// Grows by one with each entry; never given twice.
    pub id: u64,
    /// When its reply came, seconds since 1970.
    pub at: u64,
    pub took: Duration,
    /// Cut as Redis cuts them.
    pub args: Vec<Vec<u8>>,
    /// `HOST:PORT` of the client.
    pub address: String,
    pub name: Vec<u8>,
}

/// The latest slow requests of a pool, over all workers.
#[derive(Debug, Default)]
pub struct SlowLog {
    next: u64,
    /// Newest first.
    entries: VecDeque<SlowEntry>,
}

impl SlowLog {
    /// Takes an entry in, and forgets the oldest beyond `keep`. Its id is given here.
    pub fn note(&mut self, mut entry: SlowEntry, keep: usize) {
        entry.id = self.next;
        self.next += 1;
        self.entries.push_front(entry);
        self.entries.truncate(keep.min(SLOW_LOG_MAX));
    }

    /// Newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &SlowEntry> {
        self.entries.iter()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A request's arguments as an entry keeps them. The last of many says how many more there were, and so
/// does the end of a long one.
pub fn cut<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let count = args.len();
    let whole = if count > ARGS_MAX { ARGS_MAX - 1 } else { count };
    let mut kept: Vec<Vec<u8>> = args.take(whole).map(cut_one).collect();
    if whole < count {
        kept.push(format!("... ({} more arguments)", count - whole).into_bytes());
    }
    kept
}

fn cut_one(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_MAX {
        return arg.to_vec();
    }
    let mut kept = arg[..ARG_MAX].to_vec();
    kept.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARG_MAX).as_bytes());
    kept
}

/// Delays of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delays {
    /// Seconds since 1970 and milliseconds, oldest first; the longest of each second.
    pub samples: VecDeque<(u64, u64)>,
    /// The longest ever, in milliseconds.
    pub max: u64,
}

/// Delays by event.
#[derive(Debug, Default)]
pub struct Latencies(BTreeMap<&'static str, Delays>);

impl Latencies {
    /// A delay that ended at `at`, seconds since 1970.
    pub fn note(&mut self, event: &'static str, at: u64, millis: u64) {
        let delays = self.0.entry(event).or_default();
        delays.max = delays.max.max(millis);
        match delays.samples.back_mut() {
            Some(last) if last.0 == at => last.1 = last.1.max(millis),
            _ => delays.samples.push_back((at, millis)),
        }
        if delays.samples.len() > SAMPLES {
            delays.samples.pop_front();
        }
    }

    pub fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Delays)> {
        self.0.iter().map(|(event, delays)| (*event, delays))
    }

    /// Upper and lower case are the same.
    pub fn of(&self, event: &[u8]) -> Option<(&'static str, &Delays)> {
        self.events().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(event))
    }

    /// Forgets an event; whether there was one.
    pub fn forget(&mut self, event: &[u8]) -> bool {
        self.of(event).map(|(name, _)| name).is_some_and(|name| self.0.remove(name).is_some())
    }

    /// Forgets all events; how many there were.
    pub fn clear(&mut self) -> usize {
        core::mem::take(&mut self.0).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_ids_of_their_own_and_the_oldest_go() {
        let mut log = SlowLog::default();
        let entry = SlowEntry {
            id: 0,
            at: 1,
            took: Duration::from_millis(20),
            args: vec![],
            address: String::new(),
            name: vec![],
        };
        (0..5).for_each(|_| log.note(entry.clone(), 3));
        let ids = |log: &SlowLog| log.entries().map(|entry| entry.id).collect::<Vec<_>>();
        assert_eq!(ids(&log), [4, 3, 2]);
        log.clear();
        log.note(entry.clone(), 3);
        assert_eq!(ids(&log), [5]);
        log.note(entry, 0);
        assert_eq!(ids(&log), [0; 0]);
    }

    /// As redis-server 7.0.15 keeps them.
    #[test]
    fn long_requests_are_cut_and_say_so() {
        let long = [b"x".as_slice(); 41];
        let kept = cut(long.into_iter());
        assert_eq!((kept.len(), kept[31].as_slice()), (32, b"... (10 more arguments)".as_slice()));
        assert_eq!(cut(long[..32].iter().copied()), vec![b"x".to_vec(); 32]);
        let value = [b'y'; 200];
        let kept = cut([value.as_slice(), &value[..128]].into_iter());
        assert_eq!(kept[0], [&value[..128], b"... (72 more bytes)"].concat());
        assert_eq!(kept[1], &value[..128]);
    }

    #[test]
    fn of_each_second_the_longest_delay_is_kept() {
        let mut latencies = Latencies::default();
        for (at, millis) in [(1, 20), (1, 30), (1, 10), (2, 5)] {
            latencies.note("command", at, millis);
        }
        let (_, delays) = latencies.of(b"COMMAND").unwrap();
        assert_eq!((Vec::from(delays.samples.clone()), delays.max), (vec![(1, 30), (2, 5)], 30));
        (3..1000).for_each(|at| latencies.note("command", at, 1));
        assert_eq!(latencies.of(b"command").unwrap().1.samples.len(), SAMPLES);
        assert!(!latencies.forget(b"other") && latencies.forget(b"command"));
        assert_eq!(latencies.clear(), 0);
    }
}
