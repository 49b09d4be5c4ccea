//! The real servers that are measured: two redis-servers, nutcracker, HAProxy and Ketch, on free ports of
//! 127.0.0.1, pinned to their cores. All of them die with the program, whatever ends it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::load;

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(10);

/// Where things run.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    /// The proxy alone.
    pub(crate) proxy: usize,
    /// The load and the redis-servers.
    pub(crate) rest: usize,
}

/// Two nodes; each holds every key, so that reads find theirs wherever a proxy looks.
pub(crate) struct Nodes([Server; 2]);

/// One thing to measure.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// With one node behind it.
    one: SocketAddr,
    /// With both, if it can split commands.
    two: SocketAddr,
    /// `None` for Redis itself.
    server: Option<Server>,
}

impl Nodes {
    pub(crate) fn start(folder: &Folder, cores: Cores) -> Result<Nodes, String> {
        Ok(Nodes([Nodes::node(folder, cores)?, Nodes::node(folder, cores)?]))
    }

    fn node(folder: &Folder, cores: Cores) -> Result<Server, String> {
        let address = free_address()?;
        let port = address.port().to_string();
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port];
        let mut node = Server::start("redis-server", &arguments, cores.rest, address, folder)?;
        node.wait(|| fill(address))?;
        Ok(node)
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.0.iter().map(|node| node.child.id()).collect()
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.0[0].address, self.0[1].address]
    }

    /// Redis itself, without a proxy.
    pub(crate) fn direct(&self) -> Peer {
        Peer { name: "redis", one: self.0[0].address, two: self.0[0].address, server: None }
    }

    pub(crate) fn nutcracker(&self, folder: &Folder, cores: Cores) -> Result<Peer, String> {
        let (one, two) = (free_address()?, free_address()?);
        let [a, b] = self.addresses();
        let pool = |name: &str, listen: SocketAddr, servers: &[String]| {
            format!(
                "{name}:\n  listen: {listen}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n  \
                 preconnect: true\n  servers:\n{}",
                servers.concat()
            )
        };
        let (first, second) = (format!("   - {a}:1 a\n"), format!("   - {b}:1 b\n"));
        let yml = pool("one", one, std::slice::from_ref(&first)) + &pool("two", two, &[first, second]);
        let file = folder.write("nutcracker.yml", &yml)?;
        let stats = free_address()?.port().to_string();
        let program = debian("nutcracker");
        let arguments = ["-c", &file, "-a", "127.0.0.1", "-s", &stats];
        Peer::proxy("nutcracker", Server::start(&program, &arguments, cores.proxy, one, folder)?, two)
    }

    /// HAProxy knows no keys, so there is one node behind it in any case.
    pub(crate) fn haproxy(&self, folder: &Folder, cores: Cores) -> Result<Peer, String> {
        let one = free_address()?;
        let [a, _] = self.addresses();
        let cfg = format!(
            "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  \
             timeout client 60s\n  timeout server 60s\nlisten redis\n  bind {one}\n  server a {a}\n"
        );
        let file = folder.write("haproxy.cfg", &cfg)?;
        let program = debian("haproxy");
        Peer::proxy("haproxy", Server::start(&program, &["-db", "-f", &file], cores.proxy, one, folder)?, one)
    }

    pub(crate) fn ketch(&self, folder: &Folder, cores: Cores, program: &Path) -> Result<Peer, String> {
        if !program.exists() {
            return Err(format!("there is no {}; `cargo build --release` makes it", program.display()));
        }
        let (one, two) = (free_address()?, free_address()?);
        let [a, b] = self.addresses();
        let shard = |pool: &str, name: &str, node: SocketAddr| {
            format!("[[pool.{pool}.shard]]\nname = \"{name}\"\nnodes = [\"{node}\"]\n")
        };
        let toml = format!(
            "threads = 1\n[admin]\nlisten = \"\"\n[pool.bench]\nlisten = \"{one}\"\n{}[pool.split]\nlisten = \
             \"{two}\"\n{}{}",
            shard("bench", "a", a),
            shard("split", "a", a),
            shard("split", "b", b)
        );
        let file = folder.write("ketch.toml", &toml)?;
        let program = program.to_string_lossy();
        Peer::proxy("ketch", Server::start(&program, &["run", "-c", &file], cores.proxy, one, folder)?, two)
    }
}

impl Peer {
    /// A proxy, once it serves both of its listeners.
    fn proxy(name: &'static str, mut server: Server, two: SocketAddr) -> Result<Peer, String> {
        let one = server.address;
        server.wait(|| probe(one, load::Command::Get).and_then(|()| probe(two, load::Command::Mget)))?;
        Ok(Peer { name, one, two, server: Some(server) })
    }

    pub(crate) fn address(&self, command: load::Command) -> SocketAddr {
        if command == load::Command::Mget { self.two } else { self.one }
    }

    /// The proxy's process; none for Redis itself.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.server.iter().map(|server| server.child.id()).collect()
    }
}

/// Sets every key once.
fn fill(address: SocketAddr) -> io::Result<()> {
    once(address, load::Command::Set, load::KEYS as u64)
}

fn probe(address: SocketAddr, command: load::Command) -> io::Result<()> {
    once(address, command, 1)
}

fn once(address: SocketAddr, command: load::Command, requests: u64) -> io::Result<()> {
    let stop = AtomicBool::new(false);
    let limits =
        load::Limits { connections: 1, warm_up: Duration::ZERO, window: START_MAX, requests, stop: &stop };
    load::run(address, &load::Work::new(command, 1), &limits, || ()).map(|_| ())
}

/// CPU time that processes have used, all their threads together.
pub(crate) fn cpu_time(processes: &[u32]) -> Duration {
    let threads = processes.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok()).flatten();
    // The first number of schedstat is nanoseconds on a core; `stat` counts in steps of 10 ms.
    let nanoseconds = threads.flatten().filter_map(|thread| {
        fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Moves this program, all its threads, to a core.
pub(crate) fn pin_self(core: usize) -> Result<(), String> {
    let pid = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-acp", &core.to_string(), &pid]).output();
    match moved {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("taskset: {error}; it is in Debian's util-linux")),
    }
}

/// Debian installs some servers where only root's PATH looks.
fn debian(program: &str) -> String {
    let path = format!("/usr/sbin/{program}");
    if Path::new(&path).exists() { path } else { program.to_owned() }
}

/// A child process, killed on drop.
struct Server {
    name: String,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    fn start(
        program: &str,
        arguments: &[&str],
        core: usize,
        address: SocketAddr,
        folder: &Folder,
    ) -> Result<Server, String> {
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        if found.is_err() {
            return Err(format!("{name} is not installed; on Debian: apt-get install {name}"));
        }
        let log = folder.0.join(format!("{name}-{}.log", address.port()));
        let output = fs::File::create(&log).map_err(|e| e.to_string())?;
        // Both replace themselves by what they start, so the child's id is the server's. The signal on
        // the parent's death ends the server even if this program is killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string(), program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|e| e.to_string())?)
            .stderr(output)
            .spawn()
            .map_err(|e| format!("setpriv: {e}; it is in Debian's util-linux"))?;
        Ok(Server { name, child, address, log })
    }

    /// Waits until `serves` succeeds.
    fn wait(&mut self, serves: impl Fn() -> io::Result<()>) -> Result<(), String> {
        let limit = Instant::now() + START_MAX;
        loop {
            let connected = TcpStream::connect(self.address).map(|_| ());
            let Err(error) = connected.and_then(|()| serves()) else { return Ok(()) };
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > limit {
                let end = ended.map_or(error.to_string(), |status| status.to_string());
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.trim_end().lines().rev().take(5).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                return Err(format!("{} does not serve ({end}): {}", self.name, last.join("\n    ")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address whose port lies below those that the system gives to outgoing connections.
fn free_address() -> Result<SocketAddr, String> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 600) as u16 * 20;
    for _ in 0..700 {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(format!("no free port above {first}"))
}

/// A temporary folder for configurations and logs, removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("ketch-compare-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
