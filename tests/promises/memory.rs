//! Memory is bounded: idle clients cost next to nothing, and clients that do not read cost what the limits
//! say, however much they ask for.
//!
//! Ketch runs as a process of its own, and what the kernel says about it is believed. All figures are those
//! of a release build with a margin of two; they are polled, since freed memory goes back in its own time.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, Home, NodeOptions, Process, Program, Server, wait_until};
use ketch::internals::resp::command;

const SOON: Duration = Duration::from_secs(20);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[test]
fn two_thousand_idle_clients_cost_two_kib_each() {
    let lab = Lab::start("");
    lab.set("key", &[b'v'; 100]);
    let before = lab.resident();
    let mut clients: Vec<Client> = (0..2000).map(|_| lab.client()).collect();
    lab.ask_each(&mut clients, &["PING"], 1);
    lab.falls("2,000 clients that never asked for anything", before + 2000 * 2 * KIB);
    lab.ask_each(&mut clients, &["GET", "key"], 16);
    lab.falls("2,000 clients after 16 GETs each", before + 2000 * 2 * KIB);
    drop(clients);
    let mut again: Vec<Client> = (0..2000).map(|_| lab.client()).collect();
    lab.ask_each(&mut again, &["GET", "key"], 16);
    lab.falls("2,000 others in their places", before + 2000 * 2 * KIB);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let lab = Lab::start("");
    lab.set("key", &[b'v'; 10 * KIB]);
    let before = lab.resident();
    let mut request = Vec::new();
    command(&mut request, &["GET", "key"]);
    let batch = request.repeat(1000);
    let deaf = lab.client();
    // More than the kernel keeps for a socket that nobody reads.
    let most = 64 * MIB;
    let sent = stuff(deaf.stream(), &batch, most);
    println!("{} KiB of requests went out, for {} MiB", sent / KIB, sent / request.len() * 10 / KIB);
    assert!(sent < most, "Ketch never stopped reading from it");
    // 1,024 requests may have been in flight when its output passed the mark: 10 MiB, in buffers that may
    // be half empty.
    lab.falls("a client that reads nothing", before + 24 * MIB);
    let mut other = lab.client();
    let began = Instant::now();
    assert_eq!(other.ask(&["PING"]).unwrap().text(), Some("PONG"));
    assert_eq!(other.ask(&["STRLEN", "key"]).unwrap().number(), Some(10 * KIB as i64));
    println!("another client was served after {:?}", began.elapsed());
}

#[test]
fn two_hundred_clients_with_a_mebibyte_each_stay_bounded() {
    let lab = Lab::start("");
    let before = lab.resident();
    let value = vec![b'v'; MIB];
    let mut clients: Vec<Client> = (0..200).map(|_| lab.client()).collect();
    let mut requests = Vec::new();
    for n in 0..clients.len() {
        let mut request = Vec::new();
        command(&mut request, &[b"SET", format!("key{n}").as_bytes(), &value]);
        requests.push(request);
    }
    let peak = lab.peak_while(|| send_all(&clients, &requests));
    for client in &mut clients {
        assert_eq!(client.read().unwrap().text(), Some("OK"));
    }
    println!("SET: {} KiB above the start at the most", (peak - before) / KIB);
    // Each may have 64 KiB of input waiting, and the upstreams 256 KiB to be written each.
    let bound = before + 48 * MIB;
    assert!(peak < bound, "{} MiB above the start", (peak - before) / MIB);
    // All ask, nobody reads yet.
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&["GET", &format!("key{n}")]).unwrap();
    }
    let peak = lab.peak_while(|| std::thread::sleep(Duration::from_millis(500)));
    println!("GET: {} KiB above the start at the most", (peak - before) / KIB);
    assert!(peak < bound, "{} MiB above the start", (peak - before) / MIB);
    for client in &mut clients {
        assert_eq!(client.read().unwrap().text().map(str::len), Some(MIB));
    }
    // Workers keep some buffers for the next burst.
    lab.falls("200 clients after a mebibyte each way", bound);
}

/// A node, and a Ketch before it.
struct Lab {
    ketch: Process,
    address: SocketAddr,
    _node: Server,
    _home: Home,
}

impl Lab {
    fn start(lines: &str) -> Lab {
        let home = Home::new(Path::new(env!("CARGO_BIN_EXE_ketch"))).unwrap();
        let node = Server::start(&home, &Program::redis().unwrap(), "node", &NodeOptions::default()).unwrap();
        let port = home.port().unwrap();
        let file = home.folder().join("ketch.toml");
        let text = format!(
            "threads = 2\nadmin.listen = \"\"\n[pool.main]\nlisten = \"127.0.0.1:{port}\"\nhold = \"15s\"\n\
             shard = [{{ name = \"a\", nodes = [\"127.0.0.1:{}\"] }}]\n{lines}\n",
            node.port()
        );
        fs::write(&file, text).unwrap();
        let args = ["run".into(), "-c".into(), file.into_os_string()];
        let ketch = Process::start(&home, "ketch", &executable(), args).unwrap();
        let lab = Lab { ketch, address: ([127, 0, 0, 1], port).into(), _node: node, _home: home };
        lab.wait("Ketch serves writes", || {
            let client = Client::connect(lab.address, SOON);
            client.and_then(|mut c| c.ask(&["SET", "ready", "1"])).is_ok_and(|r| r.text() == Some("OK"))
        });
        lab
    }

    fn client(&self) -> Client {
        Client::connect(self.address, SOON).unwrap()
    }

    fn set(&self, key: &str, value: &[u8]) {
        let reply = self.client().ask(&[b"SET", key.as_bytes(), value]).unwrap();
        assert_eq!(reply.text(), Some("OK"));
    }

    /// All clients send their requests before the first reads a reply.
    fn ask_each(&self, clients: &mut [Client], words: &[&str], times: usize) {
        let mut request = Vec::new();
        command(&mut request, words);
        let requests = request.repeat(times);
        clients.iter_mut().for_each(|client| client.send_raw(&requests).unwrap());
        for client in clients {
            (0..times).for_each(|_| drop(client.read().unwrap()));
        }
    }

    /// Bytes of memory that the process has from the kernel.
    fn resident(&self) -> usize {
        let pid = self.ketch.pid().unwrap_or_else(|| panic!("Ketch ended{}", self.ketch.last_words()));
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * KIB
    }

    fn falls(&self, what: &str, bound: usize) {
        let mut least = usize::MAX;
        let waited = wait_until(SOON, what, || {
            least = least.min(self.resident());
            least <= bound
        });
        println!("{what}: {} KiB resident, {} KiB allowed", least / KIB, bound / KIB);
        waited.unwrap();
    }

    /// The most that it had while something happened.
    fn peak_while(&self, something: impl FnOnce() + Send) -> usize {
        std::thread::scope(|scope| {
            let doing = scope.spawn(something);
            let mut peak = self.resident();
            while !doing.is_finished() {
                peak = peak.max(self.resident());
                std::thread::sleep(Duration::from_millis(2));
            }
            doing.join().unwrap();
            peak.max(self.resident())
        })
    }

    fn wait(&self, what: &str, condition: impl FnMut() -> bool) {
        if let Err(error) = wait_until(SOON, what, condition) {
            panic!("{error}{}", self.ketch.last_words());
        }
    }
}

/// The release build where there is one that is not older than the build of this test's own.
fn executable() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_ketch"));
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/ketch");
    let built = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if built(&release).is_some_and(|at| Some(at) >= built(&own)) { release } else { own }
}

/// Writes copies of `batch` until `most` bytes are written or the peer takes none for a second. Returns how
/// many it took.
fn stuff(mut stream: &TcpStream, batch: &[u8], most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut sent = 0;
    while sent < most {
        match stream.write(&batch[sent % batch.len()..]) {
            Ok(n) => sent += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

/// Everybody sends at once: none waits until another's value is whole.
fn send_all(clients: &[Client], requests: &[Vec<u8>]) {
    std::thread::scope(|scope| {
        for (client, request) in clients.iter().zip(requests) {
            scope.spawn(move || client.stream().write_all(request).unwrap());
        }
    });
}
