//! A Ketch in front of real servers, for one test: started, waited for, and ended with it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ketch::internals::lab::{Client, Home, NodeOptions, Process, Program, Server, wait_until};
use ketch::internals::placement::Placement;
use ketch::internals::resp::{self, Value};

pub(crate) const KETCH: &str = env!("CARGO_BIN_EXE_ketch");
/// The limit of every wait that ought to be short, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What a stage consists of. `Setting::default()` is one shard without replicas and two threads.
pub(crate) struct Setting {
    pub(crate) shards: usize,
    /// Of each shard.
    pub(crate) replicas: usize,
    pub(crate) threads: usize,
    pub(crate) program: Program,
    pub(crate) node: NodeOptions,
    /// Lines of each listener's table; one listener for each.
    pub(crate) listeners: Vec<&'static str>,
    /// Lines of the pool's own table.
    pub(crate) pool: String,
    /// Further tables.
    pub(crate) tables: String,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            shards: 1,
            replicas: 0,
            threads: 2,
            program: Program::redis().unwrap(),
            node: NodeOptions::default(),
            listeners: vec![""],
            pool: String::new(),
            tables: String::new(),
        }
    }
}

/// Nodes and the Ketch before them. Dropping it ends all of them.
pub(crate) struct Stage {
    ketch: Process,
    shards: Vec<Vec<Server>>,
    listeners: Vec<SocketAddr>,
    admin: SocketAddr,
    placement: Placement,
    home: Home,
}

impl Stage {
    /// Starts everything and waits until every shard takes writes.
    pub(crate) fn start(setting: Setting) -> Stage {
        let stage = Stage::without_waiting(setting, |_| {});
        stage.wait_until_ready();
        stage
    }

    /// Some shards of one node each, with nothing special.
    pub(crate) fn shards(shards: usize) -> Stage {
        Stage::start(Setting { shards, ..Setting::default() })
    }

    /// Starts the nodes, does `before` with them, starts Ketch and does not wait for it.
    pub(crate) fn without_waiting(setting: Setting, before: impl FnOnce(&[Vec<Server>])) -> Stage {
        let home = home();
        let shards: Vec<Vec<Server>> = (0..setting.shards).map(|i| shard(&home, &setting, i)).collect();
        before(&shards);
        let listeners: Vec<SocketAddr> =
            setting.listeners.iter().map(|_| local(home.port().unwrap())).collect();
        let admin = local(home.port().unwrap());
        let toml = toml(&setting, &shards, &listeners, admin);
        let names: Vec<String> = (0..setting.shards).map(shard_name).collect();
        let weights: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let placement = Placement::new("fnv1a_64", "ketama", None, &weights).unwrap();
        let ketch = run(&home, "ketch", &toml);
        Stage { ketch, shards, listeners, admin, placement, home }
    }

    /// Until every shard of every pool takes writes.
    pub(crate) fn wait_until_ready(&self) {
        wait_until_ready(&self.ketch, self.admin);
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn ketch(&self) -> &Process {
        &self.ketch
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The first listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listeners[0]
    }

    pub(crate) fn listener(&self, index: usize) -> SocketAddr {
        self.listeners[index]
    }

    /// A client of the first listener.
    pub(crate) fn client(&self) -> Client {
        client(self.address())
    }

    /// The node that was started as a shard's primary.
    pub(crate) fn primary(&self, shard: usize) -> &Server {
        &self.shards[shard][0]
    }

    /// Node 0 of a shard was started as its primary, the others as replicas.
    pub(crate) fn node(&self, shard: usize, number: usize) -> &Server {
        &self.shards[shard][number]
    }

    /// The shard that a key belongs to.
    pub(crate) fn shard_of(&self, key: &str) -> usize {
        self.placement.shard(key.as_bytes(), || 0)
    }

    /// Different keys of one shard; the same ones each time.
    pub(crate) fn keys_on(&self, shard: usize, count: usize) -> Vec<String> {
        (0..).map(|i| format!("key:{i}")).filter(|key| self.shard_of(key) == shard).take(count).collect()
    }

    /// The first key of each shard.
    pub(crate) fn key_each(&self) -> Vec<String> {
        (0..self.shards.len()).map(|shard| self.keys_on(shard, 1).remove(0)).collect()
    }

    /// Resident memory of Ketch in KiB: now, and at most so far.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.ketch.pid().unwrap())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

pub(crate) fn home() -> Home {
    Home::new(Path::new(KETCH)).unwrap()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub(crate) fn client(address: SocketAddr) -> Client {
    Client::connect(address, SOON).unwrap()
}

pub(crate) fn shard_name(index: usize) -> String {
    format!("s{}", index + 1)
}

fn shard(home: &Home, setting: &Setting, index: usize) -> Vec<Server> {
    let start = |name: &str, options: &NodeOptions| {
        Server::start(home, &setting.program, &format!("{}-{name}", shard_name(index)), options).unwrap()
    };
    let mut nodes = vec![start("primary", &setting.node)];
    let replica = NodeOptions { replica_of: Some(nodes[0].announced().clone()), ..setting.node.clone() };
    for number in 0..setting.replicas {
        nodes.push(start(&format!("replica{number}"), &replica));
    }
    for node in &nodes[1..] {
        let up = || node.info("replication", "master_link_status").as_deref() == Some("up");
        wait_until(SOON, "the replica is in sync", up).unwrap();
    }
    nodes
}

fn toml(setting: &Setting, shards: &[Vec<Server>], listeners: &[SocketAddr], admin: SocketAddr) -> String {
    let mut toml = format!("threads = {}\n[admin]\nlisten = \"{admin}\"\n", setting.threads);
    toml += &format!("[pool.main]\n{}\n", setting.pool);
    for (address, lines) in listeners.iter().zip(&setting.listeners) {
        toml += &format!("[[pool.main.listen]]\naddress = \"{address}\"\n{lines}\n");
    }
    for (index, nodes) in shards.iter().enumerate() {
        toml += &shard_table("main", &shard_name(index), nodes);
    }
    toml + &setting.tables
}

pub(crate) fn shard_table(pool: &str, name: &str, nodes: &[Server]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| node.address().to_string()).collect();
    format!("[[pool.{pool}.shard]]\nname = \"{name}\"\nnodes = {nodes:?}\n")
}

/// Writes a configuration that nobody else may read, as passwords in it demand.
pub(crate) fn write(home: &Home, name: &str, toml: &str) -> PathBuf {
    let file = home.folder().join(format!("{name}.toml"));
    fs::write(&file, toml).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Starts a Ketch with a configuration of the test's own.
pub(crate) fn run(home: &Home, name: &str, toml: &str) -> Process {
    run_file(home, name, &write(home, name, toml))
}

pub(crate) fn run_file(home: &Home, name: &str, file: &Path) -> Process {
    let args = ["run".as_ref(), "-c".as_ref(), file.as_os_str()];
    Process::start(home, name, Path::new(KETCH), args).unwrap()
}

pub(crate) fn wait_until_ready(ketch: &Process, admin: SocketAddr) {
    let ready = || http(admin, "/readyz?verbose").is_some_and(|text| all_writable(&text));
    if let Err(error) = wait_until(SOON, "every shard takes writes", ready) {
        panic!("{error}\n{:?}{}", http(admin, "/readyz?verbose"), ketch.last_words());
    }
}

/// "[+] 3 of 3 shards writable"
fn all_writable(text: &str) -> bool {
    let line = text.lines().find_map(|line| line.strip_prefix("[+] ")?.strip_suffix(" shards writable"));
    line.and_then(|line| line.split_once(" of ")).is_some_and(|(some, all)| some == all)
}

/// What an address answers to a GET, head and body; `None` where it does not.
pub(crate) fn http(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, SOON).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// A request as clients write it.
pub(crate) fn encode<A: AsRef<[u8]>>(words: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    resp::command(&mut bytes, words);
    bytes
}

pub(crate) fn ok() -> Value {
    Value::Simple("OK".into())
}

pub(crate) fn bulk(bytes: impl AsRef<[u8]>) -> Value {
    Value::Bulk(bytes.as_ref().to_vec())
}

/// The text of an error reply.
#[track_caller]
pub(crate) fn error(reply: &Value) -> &str {
    match reply {
        Value::Error(text) => text,
        other => panic!("no error: {other:?}"),
    }
}

/// Asserts that a reply is an error which begins like this.
#[track_caller]
pub(crate) fn expect_error(reply: &Value, begins: &str) {
    assert!(error(reply).starts_with(begins), "{begins} was expected, {reply:?} came");
}

/// The connection still works.
#[track_caller]
pub(crate) fn still_open(client: &mut Client) {
    assert_eq!(client.ask(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

/// Bytes that differ with their place and the seed, so that what is shifted or another's is noticed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
