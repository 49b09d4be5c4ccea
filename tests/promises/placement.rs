//! Ketch and the real twemproxy store a key on the same node, which is the one that `Placement` names.
//!
//! Keys are written through either of them, looked for on the redis-servers behind both, and read through
//! the other one.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use ketch::internals::placement::{HASHES, Placement};

use super::support;

/// How long a server may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

const SHARDS: [(&str, u32); 3] = [("alpha", 1), ("b", 2), ("gamma10", 5)];

/// One pool of nutcracker.yml and of ketch.toml.
struct Case {
    hash: &'static str,
    distribution: &'static str,
    hash_tag: Option<&'static str>,
    weighted: bool,
    /// nutcracker's.
    port: u16,
    ketch: u16,
}

impl Case {
    fn shards(&self) -> [(&'static str, u32); 3] {
        SHARDS.map(|(name, weight)| (name, if self.weighted { weight } else { 1 }))
    }

    fn placement(&self) -> Placement {
        let tag = self.hash_tag.map(|tag| tag.as_bytes().try_into().unwrap());
        Placement::new(self.hash, self.distribution, tag, &self.shards()).unwrap()
    }

    fn yml(&self, nodes: &[Redis]) -> String {
        let mut yml = format!("pool{}:\n  listen: 127.0.0.1:{}\n  redis: true\n", self.port, self.port);
        yml += &format!("  hash: {}\n  distribution: {}\n", self.hash, self.distribution);
        if let Some(tag) = self.hash_tag {
            yml += &format!("  hash_tag: \"{tag}\"\n");
        }
        yml += "  servers:\n";
        for ((name, weight), node) in self.shards().iter().zip(nodes) {
            yml += &format!("   - {}:{weight} {name}\n", node.address);
        }
        yml
    }

    fn toml(&self, nodes: &[Redis]) -> String {
        let name = format!("pool.case{}", self.ketch);
        let mut toml = format!("[{name}]\nlisten = \"127.0.0.1:{}\"\n", self.ketch);
        toml += &format!("hash = \"{}\"\ndistribution = \"{}\"\n", self.hash, self.distribution);
        if let Some(tag) = self.hash_tag {
            toml += &format!("hash_tag = \"{tag}\"\n");
        }
        for ((shard, weight), node) in self.shards().iter().zip(nodes) {
            toml += &format!("[[{name}.shard]]\nname = \"{shard}\"\nweight = {weight}\n");
            toml += &format!("nodes = [\"{}\"]\n", node.address);
        }
        toml
    }
}

#[test]
fn ketch_and_twemproxy_find_each_other_s_keys_on_the_nodes_that_placement_names() {
    let folder = Folder::new("placement");
    let nodes = [Redis::start(&folder.0), Redis::start(&folder.0), Redis::start(&folder.0)];
    let cases = cases();
    let yml: String = cases.iter().map(|case| case.yml(&nodes)).collect();
    let _nutcracker = Nutcracker::start(&folder.0, &yml, cases[0].port);
    let home = support::home();
    let admin = local(free_port());
    let toml: String = cases.iter().map(|case| case.toml(&nodes)).collect();
    let ketch = support::run(&home, "ketch", &format!("threads = 2\n[admin]\nlisten = \"{admin}\"\n{toml}"));
    support::wait_until_ready(&ketch, admin);
    let keys = keys();
    for case in &cases {
        let placement = case.placement();
        for (writer, reader) in [(case.port, case.ketch), (case.ketch, case.port)] {
            let held_by = holders(local(writer), &nodes, &keys);
            for (key, node) in keys.iter().zip(held_by) {
                let named = placement.shard(key, || 0);
                assert_eq!(named, node, "{placement:?} {}", key.escape_ascii());
            }
            expect_all(local(reader), &keys);
        }
    }
}

/// Every key has the value that `holders` wrote.
fn expect_all(proxy: SocketAddr, keys: &[Vec<u8>]) {
    let gets: Vec<Vec<&[u8]>> = keys.iter().map(|key| vec![&b"GET"[..], key]).collect();
    let values = support::client(proxy).pipeline(&gets).unwrap();
    for (i, value) in values.iter().enumerate() {
        assert_eq!(*value, support::bulk(i.to_string()), "{}", keys[i].escape_ascii());
    }
}

/// Every hash under both distributions; tags and weights take turns.
fn cases() -> Vec<Case> {
    let tags = [None, Some("{}"), Some("$$")];
    let pairs = HASHES.iter().flat_map(|hash| [(*hash, "ketama"), (*hash, "modula")]);
    pairs
        .enumerate()
        .map(|(i, (hash, distribution))| Case {
            hash,
            distribution,
            hash_tag: tags[i % 3],
            weighted: i % 4 > 1,
            port: free_port(),
            ketch: free_port(),
        })
        .collect()
}

/// 300 keys: text, bytes above 0x7f, hash tags of two kinds, and what only looks like a tag.
fn keys() -> Vec<Vec<u8>> {
    let odd: [&[u8]; 12] = [
        b"{}x",
        b"}{z}{w}",
        b"q{open",
        b"$$",
        b"$a$b",
        b" ",
        b"\0",
        b"\xff",
        b"\x80\x81",
        b"{\xff}",
        b"\r\n",
        b"a b",
    ];
    let mut keys: Vec<Vec<u8>> = odd.iter().map(|key| key.to_vec()).collect();
    for i in 0..48 {
        keys.push(format!("user:{i}").into_bytes());
        keys.push(format!("{{user:{i}}}:näme").into_bytes());
        keys.push(format!("session:${i}$:état").into_bytes());
        keys.push(format!("ключ:{i}").into_bytes());
        keys.push("k".repeat(i + 1).into_bytes());
        keys.push((0..=i as u8).map(|n| n.wrapping_mul(89).wrapping_add(200)).collect());
    }
    keys
}

/// Writes the keys through a proxy, each with its number as the value, and tells which node holds each. No other may hold it.
fn holders(proxy: SocketAddr, nodes: &[Redis], keys: &[Vec<u8>]) -> Vec<usize> {
    for node in nodes {
        assert_eq!(ask(node.address, &[vec![b"FLUSHALL".to_vec()]]), ["+OK"]);
    }
    let set = |(i, key): (usize, &Vec<u8>)| vec![b"SET".to_vec(), key.clone(), i.to_string().into_bytes()];
    let sets: Vec<_> = keys.iter().enumerate().map(set).collect();
    assert!(ask(proxy, &sets).iter().all(|reply| reply == "+OK"));
    let questions: Vec<_> = keys.iter().map(|key| vec![b"EXISTS".to_vec(), key.clone()]).collect();
    let answers: Vec<Vec<String>> = nodes.iter().map(|node| ask(node.address, &questions)).collect();
    (0..keys.len())
        .map(|key| {
            let holders: Vec<usize> = (0..nodes.len()).filter(|&node| answers[node][key] == ":1").collect();
            assert_eq!(holders.len(), 1, "{}", keys[key].escape_ascii());
            holders[0]
        })
        .collect()
}

/// Sends requests in one pipeline; their replies are one line each. Plain RESP, since a client library
/// greets with commands that nutcracker hangs up on.
fn ask(address: SocketAddr, requests: &[Vec<Vec<u8>>]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&requests.iter().flat_map(|request| encode(request)).collect::<Vec<u8>>()).unwrap();
    let replies: Vec<String> =
        BufReader::new(stream).lines().take(requests.len()).collect::<io::Result<_>>().unwrap();
    assert_eq!(replies.len(), requests.len(), "{address} hung up");
    replies
}

fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        request.extend(format!("${}\r\n", argument.len()).bytes());
        request.extend(argument);
        request.extend(b"\r\n");
    }
    request
}

/// A real redis-server, killed on drop.
struct Redis {
    child: Child,
    address: SocketAddr,
}

impl Redis {
    fn start(folder: &Path) -> Redis {
        let port = free_port();
        let log = folder.join(format!("redis-{port}.log"));
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]).arg(folder);
        Redis { child: start(&mut command, &log, local(port)), address: local(port) }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A real nutcracker, killed on drop.
struct Nutcracker(Child);

impl Nutcracker {
    /// `port` is one of those that the configuration listens on.
    fn start(folder: &Path, yml: &str, port: u16) -> Nutcracker {
        let file = folder.join("nutcracker.yml");
        fs::write(&file, yml).unwrap();
        // Debian installs it where only root's PATH looks.
        let debian = Path::new("/usr/sbin/nutcracker");
        let mut command = Command::new(if debian.exists() { debian } else { Path::new("nutcracker") });
        command.args(["-a", "127.0.0.1", "-s", &free_port().to_string(), "-c"]).arg(file);
        Nutcracker(start(&mut command, &folder.join("nutcracker.log"), local(port)))
    }
}

impl Drop for Nutcracker {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Starts a server and waits until its address takes connections.
fn start(command: &mut Command, log: &Path, address: SocketAddr) -> Child {
    let output = fs::File::create(log).unwrap();
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}; is it installed?"));
    let limit = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > limit || child.try_wait().unwrap().is_some() {
            end(&mut child);
            panic!("{command:?} does not serve {address}:\n{}", fs::read_to_string(log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port below those that the system gives to outgoing connections. Each is given out once.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 22_000 + (std::process::id() % 100) as u16 * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_768, "no free port below 32768");
        if TcpListener::bind(local(port)).is_ok() {
            return port;
        }
    }
}

/// A temporary folder, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ketch-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
