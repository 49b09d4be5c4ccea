//! Asking the nodes which commands they have beyond Ketch's table: those of modules, of newer servers,
//! and renamed ones.
//!
//! ```text
//!   a node comes up ──────────► COMMAND LIST ──► COMMAND INFO of what is in no table ─┐
//!   a client says a name ─────► COMMAND INFO of that name, one node after the other ──┴─► CommandsTold
//! ```
//!
//! On connections of their own, so that nothing that matters waits; a task a pool, one question after the
//! other with a pause between, so that many names cost the nodes little. What does not fit in the queue is
//! forgotten: the next client that says the name asks again. Deliberately absent: what a description
//! means (`command::learned`), and the waiting of clients (the engine).

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Told;
use super::asker::{AskError, Connection, Login};
use crate::base::{Epoch, PoolId, Time};
use crate::command::{Described, find_name, plain_name};
use crate::config::PoolConfig;
use crate::resp::command;
use crate::topology::{Health, Node, NodeFailure, Observation, Pool, Topology};

/// Questions that may wait.
const QUEUE: usize = 64;
/// The pause behind each question.
const PAUSE: Duration = Duration::from_millis(100);
/// Names in one COMMAND INFO.
const NAMES_AT_ONCE: usize = 64;
/// How long a name that no node knows is answered without asking again.
const ABSENT_FOR: Duration = Duration::from_secs(60);
/// How long a node may take.
const ANSWER_LIMIT: Duration = Duration::from_millis(300);

enum Question {
    /// What has this node that is in no table?
    All(SocketAddr),
    /// Does one of these nodes know this name?
    Name(String, Vec<SocketAddr>),
}

/// The end of a pool's questions; asking ends when it is dropped.
pub(super) struct Learner(mpsc::Sender<Question>);

pub(super) fn start(pool: &Pool, told: &Told, tasks: &mut JoinSet<()>) -> Learner {
    let (sender, questions) = mpsc::channel(QUEUE);
    let asking = Asking { pool: pool.id, config: Arc::clone(&pool.config), told: told.clone() };
    tasks.spawn(asking.run(questions));
    Learner(sender)
}

impl Learner {
    /// Asks the nodes of a pool about a name: primaries first, one of a shard.
    pub(super) fn ask_name(&self, pool: &Pool, name: &str) {
        if pool.learned.knows(name) {
            return;
        }
        let up = |node: &&Node| matches!(node.health, Health::Up | Health::Suspect);
        let of_shard = |shard| {
            let primary = pool.primary(shard).filter(up);
            primary.or_else(|| pool.members(shard).find(up)).and_then(|node| node.socket)
        };
        let nodes = pool.shards.iter().filter_map(|shard| of_shard(shard.id)).collect();
        let _ = self.0.try_send(Question::Name(name.to_owned(), nodes));
    }

    /// Asks those nodes for all that they have which have come up since `before`.
    pub(super) fn ask_new(&self, before: &Pool, now: &Pool) {
        let is_up = |node: &Node| node.health == Health::Up;
        for node in now.nodes.iter().filter(|node| is_up(node)) {
            if !before.node(node.id).is_some_and(is_up)
                && let Some(socket) = node.socket
            {
                let _ = self.0.try_send(Question::All(socket));
            }
        }
    }
}

/// The topology in which a pool knows what nodes told; `None` if that is nothing new.
pub(super) fn with_told(
    current: &Topology,
    pool: PoolId,
    told: &[(String, Option<Described>)],
    now: Time,
) -> Option<Topology> {
    let mut learned = (*current.pool(pool).learned).clone();
    let mut changed = false;
    for (name, described) in told {
        match described {
            Some(described) => changed |= learned.learn(name, described),
            None => {
                learned.is_none(name, now + ABSENT_FOR);
                changed = true;
            }
        }
    }
    if !changed {
        return None;
    }
    let mut next = current.clone();
    next.epoch = Epoch(current.epoch.0 + 1);
    Arc::make_mut(&mut next.pools[usize::from(pool.0)]).learned = Arc::new(learned);
    Some(next)
}

struct Asking {
    pool: PoolId,
    config: Arc<PoolConfig>,
    told: Told,
}

impl Asking {
    async fn run(self, mut questions: mpsc::Receiver<Question>) {
        while let Some(question) = questions.recv().await {
            match question {
                Question::All(node) => self.tell(self.all(node).await).await,
                Question::Name(name, nodes) => {
                    let mut names = vec![name];
                    // Those that wait are asked about together, of the same nodes.
                    while names.len() < NAMES_AT_ONCE
                        && let Ok(question) = questions.try_recv()
                    {
                        match question {
                            Question::Name(name, _) => names.push(name),
                            Question::All(node) => self.tell(self.all(node).await).await,
                        }
                    }
                    self.tell(self.names(names, &nodes).await).await;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn tell(&self, told: Result<Vec<(String, Option<Described>)>, AskError>) {
        match told {
            Ok(told) if !told.is_empty() => {
                let pool = self.pool;
                self.told.tell(Observation::CommandsTold { pool, told }).await;
            }
            Ok(_) => {}
            // Older servers have no COMMAND LIST, and a user may not be allowed to ask.
            Err(error) => tracing::debug!(event = "learn.failed", %error),
        }
    }

    /// Of each name the word of the first node that knows it. An error if none could be asked: that says
    /// nothing.
    async fn names(
        &self,
        mut names: Vec<String>,
        nodes: &[SocketAddr],
    ) -> Result<Vec<(String, Option<Described>)>, AskError> {
        let mut told = Vec::new();
        let mut asked = Err(AskError { failure: NodeFailure::Connect, detail: "no node is up".into() });
        for node in nodes {
            let described = match self.connect(*node).await {
                Ok(mut connection) => describe(&mut connection, &names).await,
                Err(error) => Err(error),
            };
            match described {
                Ok(described) => {
                    names.retain(|name| !described.iter().any(|(known, _)| known == name));
                    told.extend(described.into_iter().map(|(name, described)| (name, Some(described))));
                    asked = Ok(());
                }
                Err(error) if asked.is_err() => asked = Err(error),
                Err(_) => {}
            }
            if names.is_empty() {
                break;
            }
        }
        asked?;
        told.extend(names.into_iter().map(|name| (name, None)));
        Ok(told)
    }

    async fn all(&self, node: SocketAddr) -> Result<Vec<(String, Option<Described>)>, AskError> {
        let mut connection = self.connect(node).await?;
        let mut request = Vec::new();
        command(&mut request, &["COMMAND", "LIST"]);
        let replies = connection.ask(&request, 1, ANSWER_LIMIT).await?;
        let names: Vec<String> = replies[0]
            .elements()
            .unwrap_or_default()
            .iter()
            .filter_map(|name| plain_name(name.text()?.as_bytes()))
            .filter(|name| find_name(name.as_bytes()).is_none())
            .collect();
        let mut told = Vec::new();
        for names in names.chunks(NAMES_AT_ONCE) {
            let described = describe(&mut connection, names).await?;
            told.extend(described.into_iter().map(|(name, described)| (name, Some(described))));
        }
        Ok(told)
    }

    async fn connect(&self, node: SocketAddr) -> Result<Connection, AskError> {
        let auth = &self.config.auth;
        let login = Login { username: auth.username.clone(), password: auth.password.clone() };
        Connection::open(node, &login, ANSWER_LIMIT, ANSWER_LIMIT).await
    }
}

/// What a node says of names; those that it does not know are left out.
async fn describe(
    connection: &mut Connection,
    names: &[String],
) -> Result<Vec<(String, Described)>, AskError> {
    let words: Vec<&str> = ["COMMAND", "INFO"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut request = Vec::new();
    command(&mut request, &words);
    let replies = connection.ask(&request, 1, ANSWER_LIMIT).await?;
    let refused = || AskError { failure: NodeFailure::Refused, detail: format!("{:?}", replies[0]) };
    let told = replies[0].elements().ok_or_else(refused)?;
    let described = names.iter().zip(told);
    Ok(described.filter_map(|(name, told)| Some((name.clone(), Described::parse(told)?))).collect())
}
