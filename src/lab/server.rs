//! One real server: a node (redis-server or valkey-server) or a Sentinel.
//!
//! Each has a configuration file in its own folder, as in production: Sentinel rewrites the files of
//! the nodes that it moves, so that a restarted node comes back in the role it had last.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs;
use std::io;

use crate::base::Address;
use crate::lab::{Client, Home, LabError, Process, Program, wait_until};
use crate::resp::Value;

/// How long a server may take to answer its first PING.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a question of the laboratory may take.
pub(crate) const ASK_LIMIT: Duration = Duration::from_secs(2);

/// What a node's configuration says beyond the laboratory's own lines.
#[derive(Clone, Default, Debug)]
pub struct NodeOptions {
    pub replica_of: Option<Address>,
    /// Both `requirepass` and `masterauth`.
    pub password: Option<String>,
    /// The address that it tells its primary and the Sentinels, if not its own.
    pub announce: Option<Address>,
    /// A host beside 127.0.0.1 to listen on.
    pub bind_also: Option<String>,
    /// More lines for its configuration file.
    pub lines: Vec<String>,
}

/// A server on 127.0.0.1. Its process can be killed, paused and started again.
pub struct Server {
    process: Process,
    port: u16,
    announced: Address,
    password: Option<String>,
}

impl Server {
    /// Starts a node and waits until it answers.
    pub fn start(
        home: &Home,
        program: &Program,
        name: &str,
        options: &NodeOptions,
    ) -> Result<Server, LabError> {
        let server = Server::spawn_node(home, program, name, home.port()?, options)?;
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// Starts a node on a given port and does not wait.
    pub(crate) fn spawn_node(
        home: &Home,
        program: &Program,
        name: &str,
        port: u16,
        options: &NodeOptions,
    ) -> Result<Server, LabError> {
        let announced = options.announce.clone().unwrap_or_else(|| Address::new("127.0.0.1", port));
        let file = node_file(port, options);
        Server::spawn(home, program, name, (port, announced), (&file, &[]), options.password.clone())
    }

    /// Starts a server with the text of its configuration file and arguments behind it.
    pub(crate) fn spawn(
        home: &Home,
        program: &Program,
        name: &str,
        (port, announced): (u16, Address),
        (file, args): (&str, &[&str]),
        password: Option<String>,
    ) -> Result<Server, LabError> {
        let args = ["server.conf"].iter().chain(args).copied();
        let process = Process::prepare(home, name, &program.path, args)?;
        let path = process.folder().join("server.conf");
        fs::write(&path, file).map_err(LabError::io(format!("write {}", path.display())))?;
        process.spawn()?;
        Ok(Server { process, port, announced, password })
    }

    /// Waits for the first PONG; the error quotes the log.
    pub fn wait_until_it_answers(&self) -> Result<(), LabError> {
        let what = format!("{} answers PING on port {}", self.name(), self.port);
        let asked = || self.ask(&["PING"]).is_ok_and(|reply| reply.text() == Some("PONG"));
        let mut ended = false;
        let waited = wait_until(START_LIMIT, &what, || {
            ended = !self.is_running();
            ended || asked()
        });
        match waited {
            Ok(()) if ended => Err(LabError::Unexpected(format!(
                "{} ended at once{}",
                self.name(),
                self.process.last_words()
            ))),
            Err(LabError::TimedOut { what, limit, .. }) => {
                Err(LabError::TimedOut { what, limit, detail: self.process.last_words() })
            }
            other => other,
        }
    }

    /// As `shard1-node2` or `sentinel1` in a group.
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Where it really listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// Where Sentinels and other nodes are told to find it.
    pub fn announced(&self) -> &Address {
        &self.announced
    }

    /// The process, for what is not specific to Redis.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process's number while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Also true while it is paused.
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// A new connection, authenticated.
    pub fn client(&self) -> io::Result<Client> {
        let mut client = Client::connect(self.address(), ASK_LIMIT)?;
        if let Some(password) = &self.password {
            match client.ask(&["AUTH", password])? {
                Value::Error(text) => return Err(io::Error::other(text)),
                _ => return Ok(client),
            }
        }
        Ok(client)
    }

    /// One question on a connection of its own.
    pub fn ask<A: AsRef<[u8]>>(&self, args: &[A]) -> io::Result<Value> {
        self.client()?.ask(args)
    }

    /// One field of one section of INFO.
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        let reply = self.ask(&["INFO", section]).ok()?;
        let value = reply.text()?.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(value.to_owned())
    }

    /// True if it answers ROLE with `master`.
    pub fn says_master(&self) -> bool {
        let role = self.ask(&["ROLE"]);
        role.is_ok_and(|reply| reply.elements().and_then(|e| e.first()?.text()) == Some("master"))
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// SIGTERM, then SIGKILL if it takes longer than two seconds.
    pub fn terminate(&self) {
        self.process.terminate(ASK_LIMIT);
    }

    /// Starts it again after it ended, with what its folder holds: a node that was a replica, or was
    /// asked to SAVE, comes back with the data of that moment.
    pub fn restart(&self) -> Result<(), LabError> {
        self.kill();
        self.process.spawn()?;
        self.wait_until_it_answers()
    }

    /// Starts it again without any data.
    pub fn restart_empty(&self) -> Result<(), LabError> {
        self.kill();
        let dump = self.process.folder().join("dump.rdb");
        match fs::remove_file(&dump) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(LabError::io(format!("remove {}", dump.display()))(e))
            }
            _ => self.restart(),
        }
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// A node's configuration file. Replication without a delay, and a ping each second, so that links
/// and lags are seen soon.
fn node_file(port: u16, options: &NodeOptions) -> String {
    let mut file = format!(
        "port {port}\nbind 127.0.0.1{}\nsave \"\"\nappendonly no\nrepl-diskless-sync yes\n\
         repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n",
        options.bind_also.as_ref().map(|host| format!(" {host}")).unwrap_or_default(),
    );
    if let Some(primary) = &options.replica_of {
        file += &format!("replicaof {} {}\n", primary.host, primary.port);
    }
    if let Some(password) = &options.password {
        file += &format!("requirepass {password}\nmasterauth {password}\n");
    }
    if let Some(announce) = &options.announce {
        file += &format!("replica-announce-ip {}\nreplica-announce-port {}\n", announce.host, announce.port);
    }
    for line in &options.lines {
        file += line;
        file.push('\n');
    }
    file
}
