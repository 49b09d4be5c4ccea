//! `ketch demo`: real Redis servers and Sentinels on this machine, Ketch in front of them, traffic
//! that checks itself, and keys to break things with.
//!
//! - `stage`: starts everything, and knows which process is what.
//! - `story`: sees failovers, and tells each in one sentence.
//! - `keys`: a terminal without line mode.
//!
//! All processes belong to the laboratory's guard, so nothing outlives this one. Redis is never
//! imitated: where it isn't installed, the demo says what to install.

mod keys;
mod stage;
mod story;

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::demo::keys::Keys;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::story::Story;
use crate::cli::exit::{IN_USE, UNAVAILABLE};
use crate::lab::LabError;

/// Between two looks at keys, signals and Sentinels.
const TICK: Duration = Duration::from_millis(100);
/// A headless demo kills nothing in its last seconds, so that every failover can end.
const LAST_CALM: Duration = Duration::from_secs(8);

/// Starts Redis, Sentinels and Ketch on this machine, for trying things out.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Shards: each a primary with replicas.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub shards: u8,
    /// Replicas of each shard.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub replicas: u8,
    /// No keys and no banner of keys; for scripts and recordings.
    #[arg(long)]
    pub headless: bool,
    /// Kill a primary whenever this time has passed, one shard after the other.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub failover_after: Option<Duration>,
    /// End by itself after this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub exit_after: Option<Duration>,
    /// Don't write and read all the time.
    #[arg(long)]
    pub no_traffic: bool,
    /// Leave the temporary folder, with all logs, in place.
    #[arg(long)]
    pub keep: bool,
    /// The redis-server or valkey-server to run; it is its own Sentinel, too.
    #[arg(long, value_name = "PATH")]
    pub redis_bin: Option<PathBuf>,
    /// Where Ketch listens for reads and writes, instead of 127.0.0.1:6380 or another free port.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
}

/// Runs the demo until a key, a signal or its time ends it. 0 if no acknowledged write was lost.
pub(crate) fn run(args: Args) -> ExitCode {
    if let Some(address) = args.listen
        && let Err(error) = TcpListener::bind(address)
    {
        // Told before anything is started.
        let in_use = error.kind() == io::ErrorKind::AddrInUse;
        let advice = if in_use { "is taken by another process" } else { "can't be listened on" };
        eprintln!("ketch demo: {address} {advice} ({error}): choose another --listen, or leave it out");
        return if in_use { ExitCode::from(IN_USE) } else { ExitCode::FAILURE };
    }
    println!(
        "ketch {} demo  (Ctrl-C stops everything and removes its temporary folder)\n",
        env!("CARGO_PKG_VERSION")
    );
    match perform(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ketch demo: {error}");
            match error {
                LabError::Missing(_) => ExitCode::from(UNAVAILABLE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// A time as the options take it.
fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write a number and a unit: \"10s\" or \"1m30s\"".to_owned())
}

/// True if nothing was lost.
fn perform(args: &Args) -> Result<bool, LabError> {
    let stage = Stage::build(args)?;
    // Only now: until here Ctrl-C ends the demo at once, and the guard cleans up.
    let stopped =
        stop_signals().map_err(|source| LabError::Io { what: "listen for signals".into(), source })?;
    stage.print_banner(!args.headless);
    let keys = if args.headless { None } else { Keys::open() };
    let mut demo =
        Demo { args, keys, began: Instant::now(), kills: 0, story: Story::new(&stage), stage: &stage };
    while !stopped.load(Ordering::Relaxed) && demo.turn()? {
        thread::sleep(TICK);
    }
    let Demo { mut story, keys, .. } = demo;
    drop(keys);
    let clean = story.end();
    stage.end();
    if args.headless {
        // A person only waits longer (a laptop that slept is enough); a script's figures are void.
        stage.group.check_tilt()?;
    }
    Ok(clean)
}

struct Demo<'a> {
    args: &'a Args,
    stage: &'a Stage,
    story: Story<'a>,
    keys: Option<Keys>,
    began: Instant,
    /// Primaries that the schedule has killed.
    kills: u32,
}

impl Demo<'_> {
    /// One look at everything. False when it is time to end.
    fn turn(&mut self) -> Result<bool, LabError> {
        while let Some(key) = self.keys.as_ref().and_then(Keys::pressed) {
            if !self.act_on(key)? {
                return Ok(false);
            }
        }
        if self.args.exit_after.is_some_and(|limit| self.began.elapsed() >= limit) {
            return Ok(false);
        }
        self.follow_schedule()?;
        self.stage.check()?;
        if self.story.look() && self.args.failover_after.is_some() {
            self.stage.restart_dead()?;
        }
        Ok(true)
    }

    fn act_on(&mut self, key: u8) -> Result<bool, LabError> {
        match key {
            b'f' => self.kill_a_primary(),
            b'p' => self.stage.pause_a_replica(),
            b'c' => self.stage.resume_paused(),
            b'r' => self.stage.restart_dead()?,
            b't' => self.stage.switch_traffic(),
            b's' => self.stage.show(),
            b'q' => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn follow_schedule(&mut self) -> Result<(), LabError> {
        let Some(every) = self.args.failover_after else { return Ok(()) };
        let due = every.saturating_mul(self.kills + 1);
        let calm = self.args.exit_after.is_some_and(|limit| due + LAST_CALM > limit);
        if !calm && self.began.elapsed() >= due {
            self.kills += 1;
            self.kill_a_primary();
        }
        Ok(())
    }

    fn kill_a_primary(&mut self) {
        match self.story.next_victim() {
            Some((shard, primary)) => {
                println!(
                    "kill -9   {} (port {}), the primary of {}",
                    primary.name(),
                    primary.port(),
                    shard.name()
                );
                self.story.before_fault();
                primary.kill();
            }
            None => println!(
                "no shard has a primary and a replica that could follow it; press r to restart the dead"
            ),
        }
    }
}

/// A flag that SIGINT, SIGTERM and SIGHUP set.
fn stop_signals() -> io::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    drop(inside);
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        flag.store(true, Ordering::Relaxed);
    });
    Ok(stopped)
}
