//! Everything that runs in a demo: the group of Redis servers and Sentinels, Ketch, and the traffic.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::cli::demo::Args;
use crate::lab::{
    Client, Counts, Group, Home, LabError, Options, Process, Program, Server, Traffic, TrafficOptions,
    Verdict, wait_until,
};

/// How long Ketch may take until it serves every shard.
const SERVE_LIMIT: Duration = Duration::from_secs(20);
/// How long Ketch may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(5);
const ASK_LIMIT: Duration = Duration::from_secs(2);
/// Where Ketch listens if nobody else does: reads and writes, reads, admin.
const PORTS: [u16; 3] = [6380, 6381, 8404];
/// Keys that are tried to find one on each shard.
const PROBES: u32 = 1000;

pub(crate) struct Stage {
    traffic: Option<Mutex<Traffic>>,
    ketch: Process,
    pub(crate) group: Group,
    listen: SocketAddr,
    read_only: SocketAddr,
    status: SocketAddr,
    config: PathBuf,
    /// Ports of paused nodes.
    paused: Mutex<BTreeSet<u16>>,
    keep: bool,
}

impl Stage {
    pub(crate) fn build(args: &Args) -> Result<Stage, LabError> {
        let ketch = std::env::current_exe()
            .map_err(|source| LabError::Io { what: "find the executable of ketch".into(), source })?;
        let group = start_group(args, ketch.clone())?;
        if args.keep {
            group.home().keep()?;
        }
        let [listen, read_only, status] = addresses(args, group.home())?;
        let config = group.home().folder().join("ketch.toml");
        let text = config_text(&group, [listen, read_only, status]);
        fs::write(&config, text)
            .map_err(|source| LabError::Io { what: "write ketch.toml".into(), source })?;
        let run = ["run".into(), "-c".into(), config.clone().into_os_string()];
        let ketch = Process::start(group.home(), "ketch", &ketch, run)?;
        let paused = Mutex::default();
        let mut stage =
            Stage { traffic: None, ketch, group, listen, read_only, status, config, paused, keep: args.keep };
        let prefixes = stage.wait_until_every_shard_is_served()?;
        if !args.no_traffic {
            let writers = prefixes.len() * 2;
            let options = TrafficOptions { prefixes, writers, ..TrafficOptions::to(listen) };
            stage.traffic = Some(Mutex::new(Traffic::start(options)));
        }
        Ok(stage)
    }

    pub(crate) fn print_banner(&self, with_keys: bool) {
        let host = |address: SocketAddr| format!("-h {} -p {}", address.ip(), address.port());
        println!("  ketch      read/write  {}", self.listen);
        println!("             read-only   {}", self.read_only);
        println!("             status      http://{}", self.status);
        println!("             config      {}\n", self.config.display());
        println!("  Try:   redis-cli {} set hello world", host(self.listen));
        println!("         redis-cli {} get hello\n", host(self.read_only));
        if with_keys {
            println!("  Keys:  f kill a primary   p pause a replica   c continue it   r restart the dead");
            println!("         t traffic on/off   s show the shards   q quit\n");
        }
    }

    /// An error if Ketch has ended.
    pub(crate) fn check(&self) -> Result<(), LabError> {
        if self.ketch.is_running() { Ok(()) } else { Err(self.ketch_ended()) }
    }

    pub(crate) fn with_traffic<T>(&self, ask: impl FnOnce(&mut Traffic) -> T) -> Option<T> {
        let traffic = self.traffic.as_ref()?;
        Some(ask(&mut traffic.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn counts(&self) -> Counts {
        self.with_traffic(|traffic| traffic.counts()).unwrap_or_default()
    }

    pub(crate) fn verify(&self) -> Verdict {
        self.with_traffic(|traffic| traffic.verify()).unwrap_or_default()
    }

    /// Requests to a shard that Ketch has held so far, from its metrics; `None` if it doesn't tell.
    pub(crate) fn held(&self, shard: &str) -> Option<u64> {
        let mut stream = TcpStream::connect_timeout(&self.status, ASK_LIMIT).ok()?;
        stream.set_read_timeout(Some(ASK_LIMIT)).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        sum_of(&text, "ketch_held_requests_total", &format!("shard=\"{shard}\""))
    }

    pub(crate) fn pause_a_replica(&self) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let shards = 0..self.group.shards().len();
        let replicas = shards.flat_map(|shard| self.group.replicas(shard));
        let mut awake = replicas.filter(|node| !paused.contains(&node.port()));
        match awake.next() {
            Some(node) => {
                node.pause();
                println!("paused    {} (port {}); press c to continue it", node.name(), node.port());
                paused.insert(node.port());
            }
            None => println!("every replica is paused or dead"),
        }
    }

    pub(crate) fn resume_paused(&self) {
        let paused = std::mem::take(&mut *self.paused.lock().unwrap_or_else(PoisonError::into_inner));
        for node in self.nodes().filter(|node| paused.contains(&node.port())) {
            node.resume();
            println!("continued {} (port {})", node.name(), node.port());
        }
    }

    pub(crate) fn restart_dead(&self) -> Result<(), LabError> {
        for node in self.nodes().filter(|node| !node.is_running()) {
            node.restart()?;
            println!(
                "restarted {} (port {}); Sentinel makes a replica of it within 10 s",
                node.name(),
                node.port()
            );
        }
        Ok(())
    }

    pub(crate) fn switch_traffic(&self) {
        let on = self.with_traffic(|traffic| {
            if traffic.is_paused() {
                traffic.resume()
            } else {
                traffic.pause()
            }
            !traffic.is_paused()
        });
        match on {
            Some(on) => println!("traffic   {}", if on { "on" } else { "off" }),
            None => println!("traffic   was switched off with --no-traffic"),
        }
    }

    pub(crate) fn show(&self) {
        for (index, shard) in self.group.shards().iter().enumerate() {
            let primary = self.group.named(index).map(Server::port);
            println!("{}", shard.name());
            for node in shard.nodes() {
                println!("  127.0.0.1:{}  {}", node.port(), self.state_of(node, primary));
            }
        }
        if let Err(tilt) = self.group.check_tilt() {
            println!("note      {tilt}");
        }
        if self.traffic.is_some() {
            println!("traffic   {}", self.counts());
        }
    }

    /// Ends Ketch as an operator would; the group ends with the stage.
    pub(crate) fn end(&self) {
        self.ketch.terminate(END_LIMIT);
        if self.keep {
            println!("kept      {}", self.group.home().folder().display());
        }
    }

    fn state_of(&self, node: &Server, primary: Option<u16>) -> &'static str {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner).contains(&node.port());
        if !node.is_running() {
            "dead"
        } else if paused {
            "paused"
        } else if Some(node.port()) == primary {
            "primary"
        } else if node.info("replication", "master_link_status").as_deref() == Some("up") {
            "replica"
        } else {
            "not in sync"
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.group.shards().iter().flat_map(|shard| shard.nodes())
    }

    /// Waits for a write on each shard through Ketch, and gives for each shard a beginning of keys
    /// that stay on it.
    fn wait_until_every_shard_is_served(&self) -> Result<Vec<String>, LabError> {
        let began = Instant::now();
        let answers = || Client::connect(self.listen, ASK_LIMIT).and_then(|mut c| c.ask(&["PING"]));
        let mut ended = false;
        let waited = wait_until(SERVE_LIMIT, "Ketch answers PING", || {
            ended = !self.ketch.is_running();
            ended || answers().is_ok_and(|reply| reply.text() == Some("PONG"))
        });
        if ended {
            return Err(self.ketch_ended());
        }
        waited?;
        let mut prefixes = vec![None; self.group.shards().len()];
        for probe in 0..PROBES {
            if prefixes.iter().all(Option::is_some) || began.elapsed() > SERVE_LIMIT {
                break;
            }
            let prefix = format!("{{{probe}}}");
            if let Some(shard) = self.shard_of(&prefix)? {
                prefixes[shard].get_or_insert(prefix);
            }
        }
        let served: Option<Vec<String>> = prefixes.into_iter().collect();
        served.ok_or_else(|| {
            LabError::Unexpected(format!("Ketch does not serve every shard{}", self.ketch_log()))
        })
    }

    /// Writes a key through Ketch and looks which primary has it.
    fn shard_of(&self, prefix: &str) -> Result<Option<usize>, LabError> {
        let key = format!("{prefix}demo");
        let written = Client::connect(self.listen, ASK_LIMIT).and_then(|mut c| c.ask(&["SET", &key, "1"]));
        let reply = written.map_err(|source| LabError::Io { what: "write through Ketch".into(), source })?;
        if reply.text() != Some("OK") {
            return Err(LabError::Unexpected(format!("SET through Ketch: {reply:?}{}", self.ketch_log())));
        }
        let has_it = |shard: &usize| {
            let primary = self.group.primary(*shard);
            primary
                .is_some_and(|node| node.ask(&["EXISTS", &key]).is_ok_and(|reply| reply.number() == Some(1)))
        };
        Ok((0..self.group.shards().len()).find(has_it))
    }

    fn ketch_ended(&self) -> LabError {
        LabError::Unexpected(format!("Ketch has ended{}", self.ketch_log()))
    }

    fn ketch_log(&self) -> String {
        format!(". Its last words:\n{}", self.ketch.last_words())
    }
}

fn start_group(args: &Args, ketch: PathBuf) -> Result<Group, LabError> {
    let program = match &args.redis_bin {
        Some(path) => Program::at(path)?,
        None => Program::redis()?,
    };
    let mut options = Options::with(ketch, program);
    options.shards = usize::from(args.shards);
    options.replicas = usize::from(args.replicas);
    if !args.headless {
        // A person shall not wait for tests; a script can.
        options.turn_limit = None;
    }
    print!(
        "  starting   {} primaries · {} replicas · {} Sentinels   ",
        options.shards,
        options.shards * options.replicas,
        options.sentinels
    );
    let _ = std::io::stdout().flush();
    let began = Instant::now();
    let group = Group::start(&options).inspect_err(|_| println!())?;
    println!("ok   {:.1} s", began.elapsed().as_secs_f64());
    Ok(group)
}

/// The well-known ports where they are free, others where not.
fn addresses(args: &Args, home: &Home) -> Result<[SocketAddr; 3], LabError> {
    let free = |port: u16| -> Result<SocketAddr, LabError> {
        let wanted = SocketAddr::from(([127, 0, 0, 1], port));
        match TcpListener::bind(wanted) {
            Ok(_) => Ok(wanted),
            Err(_) => Ok(SocketAddr::from(([127, 0, 0, 1], home.port()?))),
        }
    };
    let [listen, read_only, status] = PORTS;
    let listen = match args.listen {
        Some(address) => address,
        None => free(listen)?,
    };
    Ok([listen, free(read_only)?, free(status)?])
}

fn config_text(group: &Group, [listen, read_only, status]: [SocketAddr; 3]) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| {
        items.map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
    };
    let sentinels = list(&mut group.sentinels().iter().map(|s| s.address().to_string()));
    let shards = list(&mut group.shards().iter().map(|s| s.name().to_owned()));
    format!(
        "# Written by `ketch demo`.\n\n\
         [admin]\nlisten = \"{status}\"\n\n\
         [pool.demo]\nsentinels = [{sentinels}]\nshards = [{shards}]\nhash_tag = \"{{}}\"\n\n\
         [[pool.demo.listen]]\naddress = \"{listen}\"\nroute = \"auto\"\n\n\
         [[pool.demo.listen]]\naddress = \"{read_only}\"\nroute = \"replica\"\n"
    )
}

/// The sum over all labels of one metric in Prometheus' text format.
fn sum_of(text: &str, name: &str, label: &str) -> Option<u64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        if !rest.starts_with(['{', ' ']) || !rest.contains(label) {
            return None;
        }
        rest.rsplit(' ').next()?.trim().parse::<f64>().ok()
    };
    let values: Vec<f64> = text.lines().filter_map(value).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE held_total counter\nheld_total{shard=\"a\"} 3\nheld_total{shard=\"b c\"} 4\nheld_total_x 9\n";
        assert_eq!(sum_of(text, "held_total", ""), Some(7));
        assert_eq!(sum_of(text, "held_total", "shard=\"a\""), Some(3));
        assert_eq!(sum_of("held_total 5\r\n", "held_total", ""), Some(5));
        assert_eq!(sum_of(text, "other", ""), None);
    }
}
