//! Each node is asked PING and ROLE, on a connection of its own that stays open: once an interval, and
//! at once when somebody wants to know. What the answers mean is `failover`'s. INFO is asked, too, for
//! what Ketch's own INFO adds up; nothing depends on its answer.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::base::{Address, NodeId, PoolId};
use crate::config::PoolConfig;
use crate::failover::role_of;
use crate::resp::{Value, command};
use crate::topology::{Node, NodeFacts, NodeFailure, NodeReport, Observation, Pool};

use super::Told;
use super::asker::{AskError, Connection, Login};
use super::backoff::Backoff;
use super::report;
use super::resolve::{LOOK_UP_AGAIN, resolve};

/// The first wait after a failure: a node that restarts is back in less than a second.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Questions that come closer together are one.
const ASK_GAP: Duration = Duration::from_millis(10);
/// How old what a node reported may be before it is asked again. A node that is probed less often reports
/// less often.
const REPORT_EVERY: Duration = Duration::from_millis(900);

/// What a node is asked for its report, on the connection at hand.
#[derive(Default)]
struct Reporting {
    asked: Option<Instant>,
    /// By question: Ketch's user may not ask it, and does not ask again. Each refusal would be noted in the
    /// node's log.
    refused: [bool; QUESTIONS.len()],
}

const QUESTIONS: [&[&str]; 2] = [&["INFO"], &["CONFIG", "GET", "notify-keyspace-events"]];

impl Reporting {
    /// Which of the questions are to be asked now.
    fn due(&self) -> Vec<usize> {
        if self.asked.is_some_and(|at| at.elapsed() < REPORT_EVERY) {
            return Vec::new();
        }
        (0..QUESTIONS.len()).filter(|question| !self.refused[*question]).collect()
    }

    /// The answers to those of the questions that were asked.
    fn heard(&mut self, asked: &[usize], answers: &[Value]) -> Option<NodeReport> {
        self.asked = Some(Instant::now());
        let mut heard = [Value::Nil, Value::Nil];
        for (question, answer) in asked.iter().zip(answers) {
            self.refused[*question] = matches!(answer, Value::Error(text)
                if text.starts_with("NOPERM") || text.starts_with("ERR unknown command"));
            heard[*question] = answer.clone();
        }
        heard[0].text().map(|info| report::read(info, &heard[1]))
    }
}

/// A node that is being probed; probing ends when this is dropped.
pub(super) struct Watched {
    wanted: Arc<Notify>,
    socket: watch::Sender<Option<SocketAddr>>,
    tasks: Vec<AbortHandle>,
}

impl Watched {
    /// Probes now.
    pub(super) fn ask(&self) {
        self.wanted.notify_one();
    }

    pub(super) fn moved_to(&self, socket: Option<SocketAddr>) {
        self.socket.send_if_modified(|known| core::mem::replace(known, socket) != socket);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts probing a node, and looking up its name if it has one.
pub(super) fn watch(pool: &Pool, node: &Node, told: &Told, tasks: &mut JoinSet<()>) -> Watched {
    let wanted = Arc::new(Notify::new());
    let (socket, moved) = watch::channel(node.socket);
    let failed = Arc::new(Notify::new());
    let probe = Probe {
        pool: pool.id,
        node: node.id,
        config: Arc::clone(&pool.config),
        facts: Arc::clone(&node.facts),
        told: told.clone(),
        failed: Arc::clone(&failed),
    };
    let mut handles = vec![tasks.spawn(probe.run(Arc::clone(&wanted), moved))];
    if node.address.literal().is_none() {
        handles.push(tasks.spawn(keep_resolved(
            pool.id,
            node.id,
            node.address.clone(),
            failed,
            told.clone(),
        )));
    }
    Watched { wanted, socket, tasks: handles }
}

/// Looks a node's name up again and again, and after each failure to reach it.
async fn keep_resolved(pool: PoolId, node: NodeId, address: Address, failed: Arc<Notify>, told: Told) {
    let mut current = None;
    loop {
        let found = resolve(&address, current).await;
        match found {
            Some(socket) if found != current => {
                told.tell(Observation::NameResolved { pool, node, socket }).await;
            }
            Some(_) => {}
            None => tracing::debug!(event = "resolve.failed", node = %address),
        }
        current = found.or(current);
        // An unknown name is told like a node that does not answer, by the probe that has no address.
        tokio::select! {
            () = sleep(LOOK_UP_AGAIN) => {}
            () = failed.notified() => sleep(RETRY_FIRST).await,
        }
    }
}

struct Probe {
    pool: PoolId,
    node: NodeId,
    config: Arc<PoolConfig>,
    facts: Arc<NodeFacts>,
    told: Told,
    failed: Arc<Notify>,
}

impl Probe {
    async fn run(self, wanted: Arc<Notify>, mut moved: watch::Receiver<Option<SocketAddr>>) {
        let interval = self.config.health.interval;
        let seed = self.told.now().as_nanos() ^ u64::from(self.node.0);
        let mut backoff = Backoff::new(RETRY_FIRST.min(interval), interval, seed);
        let (mut connection, mut reporting) = (None, Reporting::default());
        loop {
            let socket = *moved.borrow_and_update();
            let started = Instant::now();
            let next = match self.once(&mut connection, socket, &mut reporting).await {
                Ok(()) => {
                    backoff.reset();
                    started + interval
                }
                Err(error) => {
                    // One that loads answers in its own time, and on the same connection.
                    if error.failure != NodeFailure::Loading {
                        connection = None;
                    }
                    tracing::debug!(event = "probe.failed", node = self.node.0, %error);
                    self.failed.notify_one();
                    let (pool, node, failure) = (self.pool, self.node, error.failure);
                    self.told.tell(Observation::NodeFailed { pool, node, failure }).await;
                    Instant::now() + backoff.wait()
                }
            };
            sleep_until(started + ASK_GAP).await;
            tokio::select! {
                () = sleep_until(next) => {}
                () = wanted.notified() => {}
                changed = moved.changed() => match changed {
                    Ok(()) => connection = None,
                    // Nobody watches any more.
                    Err(_) => return,
                },
            }
        }
    }

    async fn once(
        &self,
        connection: &mut Option<Connection>,
        socket: Option<SocketAddr>,
        reporting: &mut Reporting,
    ) -> Result<(), AskError> {
        let limit = self.config.health.interval.min(self.config.timeouts.dead_after);
        let open = match connection {
            Some(open) => open,
            None => {
                *reporting = Reporting::default();
                connection.insert(self.connect(socket, limit).await?)
            }
        };
        let mut requests = Vec::new();
        command(&mut requests, &["PING"]);
        command(&mut requests, &["ROLE"]);
        let asked = reporting.due();
        asked.iter().for_each(|question| command(&mut requests, QUESTIONS[*question]));
        let replies = open.ask(&requests, 2 + asked.len(), limit).await?;
        if !asked.is_empty()
            && let Some(report) = reporting.heard(&asked, &replies[2..])
        {
            self.facts.reported(report);
        }
        self.judge(&replies[0], &replies[1]).await
    }

    async fn connect(&self, socket: Option<SocketAddr>, limit: Duration) -> Result<Connection, AskError> {
        let unresolved =
            || AskError { failure: NodeFailure::Connect, detail: "its name has no address".into() };
        let socket = socket.ok_or_else(unresolved)?;
        let auth = &self.config.auth;
        let login = Login { username: auth.username.clone(), password: auth.password.clone() };
        Connection::open(socket, &login, self.config.timeouts.connect, limit).await
    }

    /// The role is told before the answer: when a node comes up, it is known as what.
    async fn judge(&self, ping: &Value, role: &Value) -> Result<(), AskError> {
        let (pool, node) = (self.pool, self.node);
        if let Some(role) = role_of(role) {
            self.told.tell(Observation::RoleSeen { pool, node, role }).await;
        }
        if let Some(failure) = refusal(ping) {
            return Err(AskError { failure, detail: format!("{ping:?}") });
        }
        self.facts.answered(self.told.now());
        self.facts.is_busy(matches!(ping, Value::Error(text) if text.starts_with("BUSY ")));
        self.told.tell(Observation::NodeAnswered { pool, node }).await;
        Ok(())
    }
}

/// Errors by which a node says that it serves nobody, or not us. Any other (BUSY, MISCONF, NOPERM for
/// the one command) is an answer of a node that lives; so is ROLE's that says nothing of a role.
fn refusal(ping: &Value) -> Option<NodeFailure> {
    let Value::Error(text) = ping else { return None };
    match text.split(' ').next() {
        Some("LOADING" | "MASTERDOWN") => Some(NodeFailure::Loading),
        Some("NOAUTH" | "WRONGPASS") => Some(NodeFailure::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &str) -> Value {
        Value::parse(bytes.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn what_a_node_forbids_is_asked_once() {
        let mut reporting = Reporting::default();
        assert_eq!(reporting.due(), [0, 1]);
        let (info, noperm) = (parse("$13\r\nused_memory:7\r\n"), parse("-NOPERM no CONFIG\r\n"));
        let report = reporting.heard(&[0, 1], &[info.clone(), noperm]).unwrap();
        assert_eq!((report.used_memory, report.keyspace_events), (7, None));
        assert_eq!(reporting.due(), [0; 0], "not so soon");
        reporting.asked = None;
        assert_eq!(reporting.due(), [0]);
        assert_eq!(reporting.heard(&[0], &[parse("-BUSY Redis is busy running a script.\r\n")]), None);
        reporting.asked = None;
        assert_eq!(reporting.due(), [0], "it may answer the next time");
    }

    #[test]
    fn only_a_node_that_serves_nobody_counts_as_failed() {
        for (reply, expected) in [
            ("+PONG\r\n", None),
            ("-LOADING Redis is loading the dataset in memory\r\n", Some(NodeFailure::Loading)),
            ("-MASTERDOWN Link with MASTER is down\r\n", Some(NodeFailure::Loading)),
            ("-NOAUTH Authentication required.\r\n", Some(NodeFailure::Refused)),
            ("-BUSY Redis is busy running a script.\r\n", None),
            ("-MISCONF Errors writing to the AOF file\r\n", None),
            ("-NOPERM this user has no permissions to run the 'ping' command\r\n", None),
        ] {
            assert_eq!(refusal(&parse(reply)), expected, "{reply}");
        }
    }
}
