//! Traffic that checks itself: writers that number what they write and know how each write ended,
//! readers that see whether a value can be true, and `verify`, which looks for every acknowledged
//! write.
//!
//! It speaks to one address and knows nothing about what stands there: a Ketch, another proxy, or a
//! Redis. Each writer waits for one reply before it sends the next request.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use crate::lab::counts::{Counts, Verdict};
use crate::lab::ledger::{Finding, Ledger, Told};
use crate::lab::link::{Link, Outcome, REST};
use crate::resp::Value;

/// One write in so many is an increment.
const INCREMENTS: u64 = 4;
/// Keys that are read back in one pipeline.
const BATCH: usize = 64;
/// How long `verify` tries to read everything.
const VERIFY_LIMIT: Duration = Duration::from_secs(20);

/// Error codes that promise that nothing was executed.
const REFUSALS: [&str; 17] = [
    "SHARDDOWN",
    "NOQUORUM",
    "NOTAPPLIED",
    "READONLY",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
];

/// How much traffic, and where.
#[derive(Clone, Debug)]
pub struct TrafficOptions {
    pub address: SocketAddr,
    pub password: Option<String>,
    pub writers: usize,
    pub readers: usize,
    /// Requests a second, of all together.
    pub per_second: u32,
    /// Of 100 requests.
    pub reads: u32,
    /// Of each writer.
    pub keys: usize,
    /// Writers take them in turn as the beginning of their keys: with hash tags, one a shard, each
    /// writer stays on one shard.
    pub prefixes: Vec<String>,
    /// How long a reply may take: longer than a request may be held.
    pub limit: Duration,
}

impl TrafficOptions {
    /// 200 requests a second, 80 of 100 of them reads.
    pub fn to(address: SocketAddr) -> TrafficOptions {
        TrafficOptions {
            address,
            password: None,
            writers: 4,
            readers: 2,
            per_second: 200,
            reads: 80,
            keys: 1024,
            prefixes: vec![String::new()],
            limit: Duration::from_secs(20),
        }
    }
}

/// Running writers and readers. Dropping it stops them.
pub struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    options: TrafficOptions,
    /// Begins every value, so that values of another run are recognised.
    run: String,
    desks: Vec<Desk>,
    counts: Mutex<Counts>,
    stopped: AtomicBool,
    paused: AtomicBool,
    /// Held for reading during each write; whoever holds it for writing sees all writers at rest.
    rest: RwLock<()>,
}

/// One writer's place.
struct Desk {
    prefix: String,
    ledger: Mutex<Ledger>,
    /// When a write was last acknowledged; `None` before the first, and after a rest.
    last: Mutex<Option<Instant>>,
}

impl Traffic {
    /// Starts all threads; they connect by themselves, again and again.
    pub fn start(options: TrafficOptions) -> Traffic {
        let run = run_name();
        let prefix =
            |n: usize| options.prefixes.get(n % options.prefixes.len().max(1)).cloned().unwrap_or_default();
        let desk = |n: usize| Desk {
            prefix: format!("{}traffic:{run}:{n}", prefix(n)),
            ledger: Mutex::new(Ledger::new(options.keys)),
            last: Mutex::new(None),
        };
        let desks = (0..options.writers.max(1)).map(desk).collect();
        let (writers, readers) = (options.writers.max(1), options.readers);
        let shared = Arc::new(Shared {
            options,
            run,
            desks,
            counts: Mutex::default(),
            stopped: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            rest: RwLock::new(()),
        });
        let spawn = |work: fn(&Shared, usize), n: usize| {
            let shared = shared.clone();
            thread::spawn(move || work(&shared, n))
        };
        let writers = (0..writers).map(|n| spawn(write_until_stopped, n));
        let threads = writers.chain((0..readers).map(|n| spawn(read_until_stopped, n))).collect();
        Traffic { shared, threads }
    }

    /// What happened so far, with the gap that is open now.
    pub fn counts(&self) -> Counts {
        let mut counts = lock(&self.shared.counts).clone();
        if !self.is_paused() {
            let open = self.shared.desks.iter().filter_map(|desk| lock(&desk.last).map(|at| at.elapsed()));
            counts.longest_gap = open.fold(counts.longest_gap, Duration::max);
        }
        counts
    }

    /// Measures the longest gap anew from now on, and returns what happened until now.
    pub fn start_window(&self) -> Counts {
        let counts = self.counts();
        lock(&self.shared.counts).longest_gap = Duration::ZERO;
        counts
    }

    /// True if each writer has had a write acknowledged since `moment`.
    pub fn all_have_written_since(&self, moment: Instant) -> bool {
        self.shared.desks.iter().all(|desk| lock(&desk.last).is_some_and(|at| at > moment))
    }

    /// True between `pause` and `resume`.
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Relaxed)
    }

    /// No further requests until `resume`.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::Relaxed);
    }

    /// Goes on after `pause`.
    pub fn resume(&self) {
        self.shared.forget_gaps();
        self.shared.paused.store(false, Ordering::Relaxed);
    }

    /// Ends all threads (a request that is being held is waited for) and returns the counts.
    pub fn stop(&mut self) -> Counts {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.shared.forget_gaps();
        self.counts()
    }

    /// Reads everything back, while the writers rest, and judges it. A loss is reported and counted
    /// once; traffic may go on afterwards.
    pub fn verify(&self) -> Verdict {
        let _resting = self.shared.rest.write().unwrap_or_else(PoisonError::into_inner);
        let mut link = Link::new(&self.shared.options);
        let until = Instant::now() + VERIFY_LIMIT;
        let mut verdict = Verdict::default();
        for desk in &self.shared.desks {
            self.shared.verify_desk(desk, &mut link, until, &mut verdict);
        }
        lock(&self.shared.counts).add(&verdict);
        self.shared.forget_gaps();
        verdict
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Differs from that of any other run on the same servers.
fn run_name() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", std::process::id(), since.as_nanos())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn key(&self, desk: &Desk, slot: usize) -> String {
        format!("{}:{slot}", desk.prefix)
    }

    fn value(&self, number: u64) -> String {
        format!("{}:{number}", self.run)
    }

    /// The number in a value: 0 for nil, `None` if it is none of ours.
    fn number_in(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Nil => Some(0),
            other => other.text()?.strip_prefix(&self.run)?.strip_prefix(':')?.parse().ok(),
        }
    }

    fn forget_gaps(&self) {
        self.desks.iter().for_each(|desk| *lock(&desk.last) = None);
    }

    fn verify_desk(&self, desk: &Desk, link: &mut Link, until: Instant, verdict: &mut Verdict) {
        let slots = lock(&desk.ledger).used();
        for slots in slots.chunks(BATCH) {
            let gets: Vec<_> =
                slots.iter().map(|slot| vec!["GET".to_owned(), self.key(desk, *slot)]).collect();
            let Some(values) = link.read_back(&gets, until) else {
                verdict.unread += slots.len() as u64;
                continue;
            };
            for (slot, value) in slots.iter().zip(&values) {
                let finding = match self.number_in(value) {
                    Some(number) => lock(&desk.ledger).found(*slot, number),
                    None => Finding::NeverWritten,
                };
                verdict.judge(finding, || format!("{} holds {value:?}", self.key(desk, *slot)));
            }
        }
        let get = vec!["GET".to_owned(), format!("{}:counter", desk.prefix)];
        match link.read_back(&[get], until).as_deref() {
            Some([value]) => {
                let count = value.number().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
                verdict.miscounted(lock(&desk.ledger).counter.found(count));
            }
            _ => verdict.unread += 1,
        }
    }
}

/// Gives one thread its share of the rate. Time that was lost is not made up for.
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// `share` requests of 100, dealt to `threads`; thread `n` begins a little later than the one
    /// before.
    fn new(options: &TrafficOptions, share: u32, threads: usize, n: usize) -> Pace {
        let a_second = f64::from(options.per_second.max(1)) * f64::from(share.max(1)) / 100.0;
        let interval = Duration::from_secs_f64(threads.max(1) as f64 / a_second);
        let offset = interval.mul_f64(n as f64 / threads.max(1) as f64);
        Pace { interval, next: Instant::now() + offset }
    }

    /// Waits for the next turn. False if the traffic was stopped.
    fn wait(&mut self, shared: &Shared) -> bool {
        loop {
            if shared.stopped.load(Ordering::Relaxed) {
                return false;
            }
            let left = self.next.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                thread::sleep(left.min(REST));
            } else if shared.paused.load(Ordering::Relaxed) {
                thread::sleep(REST);
            } else {
                self.next = (self.next + self.interval).max(Instant::now());
                return true;
            }
        }
    }
}

fn write_until_stopped(shared: &Shared, n: usize) {
    let options = &shared.options;
    let share = 100u32.saturating_sub(options.reads);
    let mut pace = Pace::new(options, share, shared.desks.len(), n);
    let mut link = Link::new(options);
    let mut turn = 0;
    while pace.wait(shared) {
        let _not_resting = shared.rest.read().unwrap_or_else(PoisonError::into_inner);
        turn += 1;
        if turn % INCREMENTS == 0 {
            increment(shared, &shared.desks[n], &mut link);
        } else {
            write(shared, &shared.desks[n], &mut link);
        }
    }
}

fn write(shared: &Shared, desk: &Desk, link: &mut Link) {
    let (number, slot) = {
        let mut ledger = lock(&desk.ledger);
        let number = ledger.next();
        (number, ledger.slot_of(number))
    };
    let outcome = link.ask(&["SET", &shared.key(desk, slot), &shared.value(number)]);
    let told = told(&outcome);
    lock(&desk.ledger).told(number, told);
    count(shared, desk, &outcome, told);
}

fn increment(shared: &Shared, desk: &Desk, link: &mut Link) {
    let outcome = link.ask(&["INCR", &format!("{}:counter", desk.prefix)]);
    let mut told = told(&outcome);
    if let (Told::Acknowledged, Outcome::Reply(reply)) = (told, &outcome) {
        match reply.number().and_then(|n| u64::try_from(n).ok()) {
            Some(value) => {
                let found = lock(&desk.ledger).counter.acknowledged(value);
                lock(&shared.counts).miscounted(found);
            }
            None => told = Told::Unknown,
        }
    }
    if told == Told::Unknown {
        lock(&desk.ledger).counter.unknown();
    }
    count(shared, desk, &outcome, told);
}

fn told(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Reply(Value::Error(text)) => {
            let code = text.split(' ').next().unwrap_or_default();
            // Any other error may have come after the request was executed.
            if REFUSALS.contains(&code) { Told::Refused } else { Told::Unknown }
        }
        Outcome::Reply(_) => Told::Acknowledged,
        Outcome::NotSent(_) => Told::Refused,
        Outcome::Broken(_) => Told::Unknown,
    }
}

fn count(shared: &Shared, desk: &Desk, outcome: &Outcome, told: Told) {
    let mut counts = lock(&shared.counts);
    match outcome {
        Outcome::Reply(Value::Error(text)) if text.starts_with("OUTCOMEUNKNOWN") => counts.unknown += 1,
        Outcome::Reply(Value::Error(text)) => counts.write_failed(text),
        Outcome::Reply(_) => {}
        Outcome::NotSent(e) | Outcome::Broken(e) => counts.write_failed(&format!("connection: {e}")),
    }
    if told == Told::Acknowledged {
        counts.acknowledged += 1;
        let gap = lock(&desk.last).replace(Instant::now()).map(|before| before.elapsed());
        counts.longest_gap = counts.longest_gap.max(gap.unwrap_or_default());
    }
    drop(counts);
    if matches!(outcome, Outcome::NotSent(_)) {
        thread::sleep(REST);
    }
}

fn read_until_stopped(shared: &Shared, n: usize) {
    let options = &shared.options;
    let mut pace = Pace::new(options, options.reads, options.readers, n);
    let mut link = Link::new(options);
    let mut turn = n;
    while pace.wait(shared) {
        turn += 1;
        let desk = &shared.desks[turn % shared.desks.len()];
        read(shared, desk, &mut link, turn);
    }
}

/// Reads one of the latest writes of a desk. `turn` makes it a little earlier or later.
fn read(shared: &Shared, desk: &Desk, link: &mut Link, turn: usize) {
    let (slot, floor) = {
        let ledger = lock(&desk.ledger);
        let slot = ledger.recent(turn % 16);
        (slot, ledger.acknowledged(slot))
    };
    match link.ask(&["GET", &shared.key(desk, slot)]) {
        Outcome::Reply(Value::Error(text)) => lock(&shared.counts).read_failed(&text),
        Outcome::Reply(value) => {
            let number = shared.number_in(&value);
            let possible = number.is_some_and(|number| lock(&desk.ledger).may_hold(slot, number));
            let mut counts = lock(&shared.counts);
            counts.reads += 1;
            counts.never_written += u64::from(!possible);
            counts.stale_reads += u64::from(number.is_some_and(|number| number < floor));
        }
        Outcome::NotSent(e) | Outcome::Broken(e) => {
            lock(&shared.counts).read_failed(&format!("connection: {e}"));
            thread::sleep(REST);
        }
    }
}
