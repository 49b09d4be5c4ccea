//! The process: builds everything from a configuration, owns its start, its drain and its end.
//!
//! starting → serving → draining → stopped

mod listen;
mod logging;

use core::time::Duration;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::admin::{self, Admin};
use crate::base::{Time, WorkerId};
use crate::config::Config;
use crate::control;
use crate::driver::{Mailbox, Worker, WorkerSetting, mailboxes};
use crate::metrics::Registry;
use crate::topology::{ProcessFacts, Reader, publisher};

/// The exit code for a port that somebody else has (EX_TEMPFAIL of sysexits.h).
const PORT_IN_USE: u8 = 75;
/// The exit code for what may not be done by this user (EX_NOPERM).
const NOT_PERMITTED: u8 = 77;
/// How long the control plane may take to hear that the process ends: it waits for nothing but its tasks.
const CONTROL_ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How long a lookup of a name, which can't be broken off, may hold up the end.
const TASKS_END_WITHIN: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT. Returns 0 after a drain, 75 for a port in use, 77 for one that may not
/// be bound, 1 for anything else that kept it from starting.
pub(crate) fn run(config: Config) -> ExitCode {
    let log = logging::start(&config.log);
    let code = match Server::start(config) {
        Ok(server) => server.serve(),
        Err(refusal) => {
            log.flush();
            // Nobody may be there to read it; the exit code says the most of it.
            let _ = writeln!(std::io::stderr(), "ketch: {}", refusal.text);
            ExitCode::from(refusal.code)
        }
    };
    log.flush();
    code
}

/// Why the process does not start.
struct Refusal {
    text: String,
    code: u8,
}

impl Refusal {
    fn new(text: impl Into<String>) -> Refusal {
        Refusal { text: text.into(), code: 1 }
    }
}

struct Server {
    runtime: tokio::runtime::Runtime,
    origin: Instant,
    facts: Arc<ProcessFacts>,
    mailboxes: Arc<[Mailbox]>,
    workers: Vec<std::thread::JoinHandle<std::io::Result<()>>>,
    stop: watch::Sender<bool>,
    control: tokio::task::JoinHandle<()>,
    shutdown: crate::config::Shutdown,
}

impl Server {
    fn start(config: Config) -> Result<Server, Refusal> {
        let origin = Instant::now();
        let wall_at_origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        listen::raise_descriptor_limit();
        let listeners = listen::all(&config)?;
        let admin_listener = listen::admin(&config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Refusal::new(format!("no runtime for the control plane: {error}")))?;

        let threads = config.threads.unwrap_or_else(default_threads);
        let facts = Arc::new(ProcessFacts::new(threads).called(&config.name, std::process::id()));
        let registry = Registry::new();
        let (publisher, reader) = publisher(control::first_topology(&config));
        let mailboxes = mailboxes(threads);
        let (sender, observations) = mpsc::channel(control::OBSERVATIONS_MAX);
        let (stop, stopped) = watch::channel(false);

        let mut listeners = Some(listeners);
        let mut workers = Vec::with_capacity(threads);
        for index in 0..threads {
            let setting = WorkerSetting {
                id: WorkerId(index as u16),
                workers: threads,
                reader: reader.clone(),
                facts: Arc::clone(&facts),
                registry: registry.clone(),
                origin,
                wall_at_origin,
                seed: wall_at_origin.as_nanos() as u64 ^ (index as u64 + 1) << 48,
                observations: sender.clone(),
                mailboxes: Arc::clone(&mailboxes),
                listeners: listeners.take().unwrap_or_default(),
                // Everybody speaks plainly.
                doors: Arc::new(|_| None),
            };
            workers.push(start_worker(setting)?);
        }
        wake_on_publish(&reader, &mailboxes);

        let control = {
            let _inside = runtime.enter();
            if let Some(std) = admin_listener {
                serve_admin(std, &config, origin, &reader, &registry, &facts, stopped.clone())?;
            }
            tokio::spawn(control::sample(
                reader.clone(),
                registry.clone(),
                Arc::clone(&facts),
                stopped.clone(),
            ));
            tokio::spawn(control::run(publisher, observations, sender, origin, stopped))
        };
        tell_listeners(&config);
        Ok(Server { runtime, origin, facts, mailboxes, workers, stop, control, shutdown: config.shutdown })
    }

    fn serve(self) -> ExitCode {
        let Server { runtime, origin, facts, mailboxes, workers, stop, control, shutdown } = self;
        let wake = || mailboxes.iter().for_each(Mailbox::wake);
        let clean = runtime.block_on(async {
            let (Ok(mut term), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                tracing::error!(event = "process.no_signals", "signals can't be heard");
                return false;
            };
            tokio::spawn(ignore_hangups());
            let workers_end = tokio::task::spawn_blocking(move || join(workers));
            tokio::pin!(workers_end);
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
                _ = &mut workers_end => {
                    tracing::error!(event = "process.worker_ended", "a worker ended by itself");
                    return false;
                }
            }
            facts.leave();
            tracing::info!(event = "process.draining", "finishing what is in flight");
            tokio::time::sleep(shutdown.delay).await;
            facts.drain(now(origin) + shutdown.timeout);
            wake();
            let ended = tokio::select! {
                ended = &mut workers_end => ended,
                _ = term.recv() => { facts.drain(now(origin)); wake(); workers_end.await }
                _ = interrupt.recv() => { facts.drain(now(origin)); wake(); workers_end.await }
            };
            // Whoever does not listen any more, or not in time, ends with the process.
            let _ = stop.send(true);
            let _ = tokio::time::timeout(CONTROL_ENDS_WITHIN, control).await;
            ended.unwrap_or(false)
        });
        runtime.shutdown_timeout(TASKS_END_WITHIN);
        tracing::info!(event = "process.stopped", clean, "stopped");
        if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// SIGHUP, by which people ask other servers to read their configuration anew, must not end this one.
async fn ignore_hangups() {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        tracing::warn!(
            event = "config.not_reloaded",
            "SIGHUP: reloading is not built yet; restart to reload"
        );
    }
}

/// Half the cores, at least one: Redis needs the others, and a second thread that competes with it costs
/// more than it brings.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1))
}

fn start_worker(setting: WorkerSetting) -> Result<std::thread::JoinHandle<std::io::Result<()>>, Refusal> {
    let name = format!("worker-{}", setting.id);
    let refusal = |error: std::io::Error| {
        Refusal::new(format!(
            "no worker thread could be started: {error}; allow more open files (ulimit -n) and processes (ulimit -u), \
             or set fewer 'threads'"
        ))
    };
    let worker = Worker::new(setting).map_err(refusal)?;
    std::thread::Builder::new().name(name).spawn(move || worker.run()).map_err(refusal)
}

/// True if every worker ended as it should.
fn join(workers: Vec<std::thread::JoinHandle<std::io::Result<()>>>) -> bool {
    let mut clean = true;
    for worker in workers {
        match worker.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(event = "process.worker_failed", %error, "a worker's poll failed");
                clean = false;
            }
            Err(_) => clean = false,
        }
    }
    clean
}

fn tell_listeners(config: &Config) {
    for pool in &config.pools {
        for listener in &pool.listeners {
            let (address, pool) = (&listener.address, pool.name.as_str());
            let route = listener.route.label();
            tracing::info!(event = "listener.ready", %address, pool, route, "serving");
        }
    }
}

fn wake_on_publish(reader: &Reader, mailboxes: &Arc<[Mailbox]>) {
    let mailboxes = Arc::clone(mailboxes);
    reader.on_publish(Box::new(move || mailboxes.iter().for_each(Mailbox::wake)));
}

fn serve_admin(
    std: std::net::TcpListener,
    config: &Config,
    origin: Instant,
    reader: &Reader,
    registry: &Registry,
    facts: &Arc<ProcessFacts>,
    stopped: watch::Receiver<bool>,
) -> Result<(), Refusal> {
    let listener = tokio::net::TcpListener::from_std(std)
        .map_err(|error| Refusal::new(format!("the admin listener can't be used: {error}")))?;
    let admin = Admin::new(config.name.clone(), origin, reader.clone(), registry.clone(), Arc::clone(facts));
    let admin = Arc::new(admin);
    admin.listeners_are_bound();
    tokio::spawn(admin::serve(listener, admin, stopped));
    Ok(())
}

fn now(origin: Instant) -> Time {
    Time::ZERO + origin.elapsed()
}
