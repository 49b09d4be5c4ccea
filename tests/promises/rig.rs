//! A Ketch in front of a laboratory's nodes, run as an operator runs it: a file, a process, an admin
//! address to look at. What goes wrong behind it is the laboratory's business.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use ketch::internals::lab::{Client, Group, Home, Process, Server, wait_until};
use ketch::internals::placement::Placement;

use super::support;
pub(crate) use super::support::KETCH;

/// For what takes no more than some turns of a loop.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// For what needs Sentinels to agree.
pub(crate) const FAILOVER: Duration = Duration::from_secs(20);

/// A running Ketch of one pool, `main`, with two workers and `hash_tag = "{}"`.
pub(crate) struct Ketch {
    process: Process,
    config: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Ketch {
    /// Follows a group's Sentinels, and serves all its nodes. `lines` are more lines of the pool.
    pub(crate) fn before(group: &Group, lines: &str) -> Ketch {
        let sentinels = quoted(group.sentinels().iter().map(|s| s.address().to_string()));
        let shards = quoted(group.shards().iter().map(|s| s.name().to_owned()));
        let ketch =
            Ketch::start(group.home(), &format!("sentinels = [{sentinels}]\nshards = [{shards}]\n{lines}\n"));
        let nodes = (0..group.shards().len()).map(|shard| group.nodes(shard).len()).sum();
        ketch.wait_until_whole(nodes);
        ketch
    }

    /// A static pool: one node a shard, named `shard1`, `shard2`, ...
    pub(crate) fn of_nodes(home: &Home, nodes: &[Server]) -> Ketch {
        let shard = |(n, node): (usize, &Server)| {
            support::shard_table("main", &format!("shard{}", n + 1), core::slice::from_ref(node))
        };
        let ketch = Ketch::start(home, &nodes.iter().enumerate().map(shard).collect::<String>());
        ketch.wait_until_whole(nodes.len());
        ketch
    }

    fn start(home: &Home, lines: &str) -> Ketch {
        let [listen, admin] = [(); 2].map(|()| support::local(home.port().unwrap()));
        let text = format!(
            "threads = 2\n[admin]\nlisten = \"{admin}\"\n[pool.main]\nlisten = \"{listen}\"\n\
             hash_tag = \"{{}}\"\n{lines}"
        );
        let config = support::write(home, "ketch", &text);
        let process = support::run_file(home, "ketch", &config);
        Ketch { process, config, listen, admin }
    }

    /// Waits until each shard is writable and all `nodes` are its primary or a replica in sync.
    pub(crate) fn wait_until_whole(&self, nodes: usize) {
        self.wait("Ketch serves every node", |ketch| {
            let Some(snapshot) = ketch.try_snapshot() else { return false };
            let shards = snapshot["pools"][0]["shards"].as_array().unwrap();
            let all = || shards.iter().flat_map(|shard| shard["nodes"].as_array().unwrap());
            let serves =
                |node: &&serde_json::Value| node["role"] == "primary" || node["serves_reads"] == true;
            shards.iter().all(|shard| shard["writable"] == true) && all().filter(serves).count() == nodes
        });
    }

    /// Waits, and shows the log and the state if it was in vain.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&Ketch) -> bool) {
        if let Err(error) = wait_until(FAILOVER, what, || condition(self)) {
            panic!("{error}{}\n{:#}", self.last_words(), self.try_snapshot().unwrap_or_default());
        }
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    pub(crate) fn config(&self) -> &PathBuf {
        &self.config
    }

    pub(crate) fn last_words(&self) -> String {
        self.process.last_words()
    }

    /// A connection that waits for replies longer than requests are held.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.listen, Duration::from_secs(20)).unwrap()
    }

    /// SIGTERM; how it ended.
    pub(crate) fn terminate(&self) -> Option<ExitStatus> {
        self.process.terminate(SOON)
    }

    /// Status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.try_get(path).unwrap_or_else(|| panic!("GET {path}: no answer{}", self.last_words()))
    }

    fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let reply = support::http(self.admin, path)?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    pub(crate) fn snapshot(&self) -> serde_json::Value {
        self.try_snapshot().unwrap()
    }

    fn try_snapshot(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.try_get("/api/v1/snapshot")?.1).ok()
    }

    /// The sum of the series of a metric that have all these labels, written as in the exposition.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, text) = self.get("/metrics");
        let of = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (named, labelled) = series.split_once('{').unwrap_or((series, ""));
            let wanted = named == name && labels.iter().all(|label| labelled.contains(label));
            wanted.then(|| value.parse::<f64>().unwrap())
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(of).sum()
    }
}

impl Drop for Ketch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_words());
        }
    }
}

fn quoted(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}

/// For each of `shards` shards a beginning of keys that stay on it.
pub(crate) fn prefixes(shards: usize) -> Vec<String> {
    let names: Vec<String> = (1..=shards).map(|n| format!("shard{n}")).collect();
    let weighted: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let placement = Placement::new("fnv1a_64", "ketama", Some(*b"{}"), &weighted).unwrap();
    let on = |shard: usize| {
        let mut tags = (0..1000).map(|n| format!("{{{n}}}"));
        tags.find(|tag| placement.explain(tag.as_bytes()).shard == shard).unwrap()
    };
    (0..shards).map(on).collect()
}

/// How often a node has executed a command, replicated ones included.
pub(crate) fn calls(node: &Server, commands: &[&str]) -> u64 {
    let one = |command: &&str| {
        let stats = node.info("commandstats", &format!("cmdstat_{command}"));
        stats.and_then(|s| s.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    commands.iter().map(one).sum()
}
