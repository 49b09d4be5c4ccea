//! Ketch beside twemproxy, HAProxy and Redis itself: one run, one machine, one load, rounds that take
//! turns, medians. `cargo bench --bench compare -- --help` tells the options.
//!
//! The proxy has a core for itself; the load and the redis-servers share another. Ratios are what counts:
//! figures of two machines, or of two runs, are not comparable.

mod load;
mod report;
mod servers;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use load::{Command, Limits, Work};
use report::{Report, Sample};
use servers::{Cores, Folder, Nodes, Peer};

const CONNECTIONS: usize = 50;
const PIPELINES: [usize; 3] = [1, 16, 64];
const WARM_UP: Duration = Duration::from_millis(200);

/// Measure Ketch beside twemproxy (nutcracker), HAProxy (TCP mode) and Redis without a proxy.
#[derive(Parser)]
struct Options {
    /// How often each case is measured with each peer.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of one measurement, after 0.2 s of warming up.
    #[arg(long, default_value = "1", value_parser = seconds)]
    seconds: Duration,
    /// Requests after which a measurement ends early.
    #[arg(long, default_value_t = 5_000_000)]
    requests: u64,
    /// Commands and pipelines to measure, of get, set, mget, p1, p16, p64; all unless given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The ketch to measure.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_ketch"))]
    ketch: PathBuf,
    /// Also write every sample and summary to this file, as JSON lines.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo passes it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

/// A command at a depth of pipeline.
struct Case {
    name: String,
    command: Command,
    work: Work,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("{failures} measurement(s) failed; see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Set by SIGINT and SIGTERM, so that the program ends by itself and takes its servers with it.
static STOP: AtomicBool = AtomicBool::new(false);

/// Returns how many measurements failed.
fn run(options: &Options) -> Result<usize, String> {
    if cfg!(debug_assertions) {
        println!("note: built without optimisation, the figures mean nothing");
    }
    let cases = cases(&options.only)?;
    stop_on_signal()?;
    let cores = cores();
    servers::pin_self(cores.rest)?;
    let folder = Folder::new()?;
    let nodes = Nodes::start(&folder, cores)?;
    let peers = start_peers(&nodes, &folder, cores, &options.ketch);
    let mut bench = Bench { options, nodes, peers, report: Report::default(), failures: Vec::new() };
    for round in 0..options.rounds as usize {
        bench.round(round, &cases)?;
    }
    bench.print(&cases)?;
    Ok(bench.failures.len())
}

fn cases(only: &[String]) -> Result<Vec<Case>, String> {
    let pipeline_names = PIPELINES.map(|pipeline| format!("p{pipeline}"));
    let command_names = Command::ALL.map(|command| command.name().to_owned());
    let known: Vec<&String> = command_names.iter().chain(&pipeline_names).collect();
    if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
        return Err(format!("--only {unknown}: known are {known:?}"));
    }
    // Nothing of a kind named means all of that kind.
    let wanted = |name: &String, kind: &[String]| {
        only.contains(name) || !only.iter().any(|other| kind.contains(other))
    };
    let mut cases = Vec::new();
    for command in Command::ALL.iter().filter(|c| wanted(&c.name().to_owned(), &command_names)) {
        for pipeline in PIPELINES.iter().filter(|p| wanted(&format!("p{p}"), &pipeline_names)) {
            cases.push(Case {
                name: format!("{}-p{pipeline}", command.name()),
                command: *command,
                work: Work::new(*command, *pipeline),
            });
        }
    }
    Ok(cases)
}

fn cores() -> Cores {
    let several = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    if !several {
        println!("note: one core for everything; rates say little here, CPU a request still does");
    }
    Cores { proxy: 0, rest: usize::from(several) }
}

/// Those that can be had; tells what is missing.
fn start_peers(nodes: &Nodes, folder: &Folder, cores: Cores, ketch: &Path) -> Vec<Peer> {
    let started = [
        ("redis", Ok(nodes.direct())),
        ("nutcracker", nodes.nutcracker(folder, cores)),
        ("haproxy", nodes.haproxy(folder, cores)),
        ("ketch", nodes.ketch(folder, cores, ketch)),
    ];
    let or_told = |(name, peer): (&str, Result<Peer, String>)| {
        peer.inspect_err(|reason| println!("{name} is not measured: {reason}")).ok()
    };
    started.into_iter().filter_map(or_told).collect()
}

struct Bench<'a> {
    options: &'a Options,
    nodes: Nodes,
    peers: Vec<Peer>,
    report: Report,
    /// Case and peer; not tried again.
    failures: Vec<(String, &'static str)>,
}

impl Bench<'_> {
    /// Every case with every peer; another peer begins in each round.
    fn round(&mut self, round: usize, cases: &[Case]) -> Result<(), String> {
        for case in cases {
            for turn in 0..self.peers.len() {
                let peer = &self.peers[(turn + round) % self.peers.len()];
                if self.failures.contains(&(case.name.clone(), peer.name)) {
                    continue;
                }
                match self.measure(round, case, peer) {
                    Ok(sample) => self.report.samples.push(sample),
                    Err(error) if STOP.load(Ordering::Relaxed) => return Err(error.to_string()),
                    Err(error) => {
                        println!("{} failed with {}: {error}", peer.name, case.name);
                        self.failures.push((case.name.clone(), peer.name));
                    }
                }
            }
        }
        eprintln!("round {} of {} done", round + 1, self.options.rounds);
        Ok(())
    }

    fn measure(&self, round: usize, case: &Case, peer: &Peer) -> std::io::Result<Sample> {
        let limits = Limits {
            connections: CONNECTIONS,
            warm_up: WARM_UP,
            window: self.options.seconds,
            requests: self.options.requests,
            stop: &STOP,
        };
        let proxy = peer.processes();
        let nodes = self.nodes.processes();
        let mut edges = Vec::new();
        let mut load = load::run(peer.address(case.command), &case.work, &limits, || {
            edges.push((servers::cpu_time(&proxy), servers::cpu_time(&nodes)));
        })?;
        let a_request = |used: Duration| used.as_secs_f64() * 1e6 / load.requests.max(1) as f64;
        let proxy_us = a_request(edges[1].0.saturating_sub(edges[0].0));
        let redis_us = a_request(edges[1].1.saturating_sub(edges[0].1));
        Ok(Sample {
            round,
            case: case.name.clone(),
            peer: peer.name,
            requests: load.requests,
            requests_per_second: load.requests as f64 / load.elapsed.as_secs_f64(),
            proxy_us: (!proxy.is_empty()).then_some(proxy_us),
            redis_us,
            p50_us: load.latency(0.5).as_secs_f64() * 1e6,
            p99_us: load.latency(0.99).as_secs_f64() * 1e6,
        })
    }

    fn print(&self, cases: &[Case]) -> Result<(), String> {
        println!(
            "\n{CONNECTIONS} connections, values of 64 B, medians of {} rounds of {:?}; mget: 10 keys, two shards \
             (redis and haproxy: one)\n",
            self.options.rounds, self.options.seconds
        );
        for case in cases {
            println!("{}\n", self.report.table(&case.name));
        }
        match &self.options.json {
            None => Ok(()),
            Some(path) => self.write_json(path, cases).map_err(|e| format!("{}: {e}", path.display())),
        }
    }

    fn write_json(&self, path: &Path, cases: &[Case]) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(fs::File::create(path)?);
        for sample in &self.report.samples {
            writeln!(file, "{}", sample.to_json())?;
        }
        for summary in cases.iter().flat_map(|case| self.report.summary(&case.name)) {
            writeln!(file, "{summary}")?;
        }
        file.flush()
    }
}

fn stop_on_signal() -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let guard = runtime.enter();
    let interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    drop(guard);
    std::thread::spawn(move || runtime.block_on(stop_after(interrupt, terminate)));
    Ok(())
}

async fn stop_after(mut interrupt: tokio::signal::unix::Signal, mut terminate: tokio::signal::unix::Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    STOP.store(true, Ordering::Relaxed);
}
