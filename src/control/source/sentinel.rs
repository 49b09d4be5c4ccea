//! Talks to every Sentinel of a pool's group at once: a task a Sentinel, each with two connections, one
//! that listens to all events and one that asks. Only `sentinel_reply` knows Sentinel's replies, and
//! only `failover::view` judges them.
//!
//! ```text
//!   any event, of any Sentinel ─┐
//!   Group::ask (a doubt)       ─┼─► all Sentinels are asked, in parallel ─► SentinelSaid, a shard each
//!   refresh, reconnect         ─┘                                        └► others of the group: met
//! ```
//!
//! An event is never the answer: it can be missed, repeated, late, or about another master.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::base::{Address, PoolId, ShardId};
use crate::config::PoolConfig;
use crate::control::Told;
use crate::control::asker::{AskError, Connection, Login};
use crate::control::backoff::Backoff;
use crate::control::resolve::resolve;
use crate::resp::{Value, command};
use crate::topology::{NodeFailure, Observation, Pool};

use super::sentinel_reply::{Answerer, Said, event, questions, selected};

/// Questions that come closer together are one: a failover makes dozens of events.
const ASK_GAP: Duration = Duration::from_millis(10);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LAST: Duration = Duration::from_secs(1);
/// Sentinels that are asked; those that are learned beyond it are not.
const SENTINELS_MAX: usize = 64;
/// News that may wait for the directory; a Sentinel tells one each time it is asked.
const NEWS_MAX: usize = 256;

/// A running group.
pub(in crate::control) struct Group {
    asked: watch::Sender<u64>,
}

impl Group {
    /// Asks all Sentinels now.
    pub(super) fn ask(&self) {
        self.asked.send_modify(|n| *n = n.wrapping_add(1));
    }
}

pub(super) fn start(pool: &Pool, addresses: &[Address], told: &Told, tasks: &mut JoinSet<()>) -> Group {
    let (asked, _) = watch::channel(0);
    let (news, heard) = mpsc::channel(NEWS_MAX);
    let mut directory = Directory {
        pool: pool.id,
        config: Arc::clone(&pool.config),
        told: told.clone(),
        asked: asked.clone(),
        news,
        members: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    let addresses = addresses.to_vec();
    tasks.spawn(async move {
        for address in addresses {
            directory.admit(address, true);
        }
        directory.run(heard).await;
    });
    Group { asked }
}

/// What a Sentinel's task tells the directory.
enum News {
    /// It answered under this run id.
    Met { address: Address, run_id: String },
    /// It knows these others.
    Knows(Vec<(Address, String)>),
}

/// Which Sentinels there are: those of the configuration, and those that they know.
struct Directory {
    pool: PoolId,
    config: Arc<PoolConfig>,
    told: Told,
    asked: watch::Sender<u64>,
    news: mpsc::Sender<News>,
    members: BTreeMap<Address, Member>,
    /// The Sentinels' tasks; they end with the directory.
    tasks: JoinSet<()>,
}

struct Member {
    configured: bool,
    /// The run id under which it answered last, and when.
    met: Option<(String, Instant)>,
    last_named: Instant,
    task: AbortHandle,
}

impl Directory {
    async fn run(mut self, mut heard: mpsc::Receiver<News>) {
        // Ends when it is aborted: it holds a sender itself.
        while let Some(news) = heard.recv().await {
            match news {
                News::Met { address, run_id } => {
                    if let Some(member) = self.members.get_mut(&address) {
                        member.met = Some((run_id, Instant::now()));
                    }
                }
                News::Knows(others) => self.learn(others),
            }
        }
    }

    fn learn(&mut self, others: Vec<(Address, String)>) {
        let now = Instant::now();
        for (address, run_id) in others {
            if let Some(member) = self.members.get_mut(&address) {
                member.last_named = now;
                continue;
            }
            if !self.is_met(&run_id, now) {
                self.admit(address, false);
            }
        }
        self.forget(now);
    }

    /// Whether that Sentinel answers already: under the name that the configuration gives it, say. One
    /// that moved to another address does not.
    fn is_met(&self, run_id: &str, now: Instant) -> bool {
        let lately = self.config.sentinel_refresh * 2;
        let met = self.members.values().filter_map(|m| m.met.as_ref());
        met.into_iter().any(|(id, at)| id == run_id && now.duration_since(*at) < lately)
    }

    /// Called only when somebody was heard: silence is no reason to forget anybody.
    fn forget(&mut self, now: Instant) {
        let keep = self.config.forget_after;
        self.members.retain(|address, member| {
            let stays = member.configured || now.duration_since(member.last_named) < keep;
            if !stays {
                tracing::info!(event = "sentinel.forgotten", sentinel = %address);
                member.task.abort();
            }
            stays
        });
        while self.tasks.try_join_next().is_some() {}
    }

    fn admit(&mut self, address: Address, configured: bool) {
        if self.members.len() >= SENTINELS_MAX || self.members.contains_key(&address) {
            return;
        }
        let sentinel = Sentinel {
            pool: self.pool,
            config: Arc::clone(&self.config),
            address: address.clone(),
            told: self.told.clone(),
            asked: self.asked.clone(),
            news: self.news.clone(),
            standing: Standing::Unknown,
        };
        let task = self.tasks.spawn(sentinel.run());
        let member = Member { configured, met: None, last_named: Instant::now(), task };
        tracing::debug!(event = "sentinel.met", sentinel = %address, configured);
        self.members.insert(address, member);
    }
}

/// One Sentinel, for as long as it is in the directory.
///
/// connecting ──► listening ──► asking ⇄ waiting
///      ▲             │            │        │
///      └── backoff ──┴────────────┴────────┘ any failure
struct Sentinel {
    pool: PoolId,
    config: Arc<PoolConfig>,
    address: Address,
    told: Told,
    asked: watch::Sender<u64>,
    news: mpsc::Sender<News>,
    standing: Standing,
}

/// What came of the last question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Answered,
    Failed(NodeFailure),
}

/// The two connections of a session.
struct Session {
    asking: Connection,
    events: Connection,
    /// The Sentinel's run id, or its address where it tells none.
    id: String,
}

impl Sentinel {
    async fn run(mut self) {
        let seed = self.told.now().as_nanos() ^ (u64::from(self.address.port) << 32);
        let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_LAST, seed);
        loop {
            let Err(error) = self.serve(&mut backoff).await;
            self.failed(&error);
            sleep(backoff.wait()).await;
        }
    }

    /// One session: from the connect to the first failure.
    async fn serve(&mut self, backoff: &mut Backoff) -> Result<Infallible, AskError> {
        let mut asked = self.asked.subscribe();
        let mut session = self.connect().await?;
        loop {
            asked.mark_unchanged();
            let started = Instant::now();
            self.ask(&mut session).await?;
            backoff.reset();
            sleep_until(started + ASK_GAP).await;
            self.wait(&mut session, &mut asked).await?;
        }
    }

    /// Told once, and again when the reason changes.
    fn failed(&mut self, error: &AskError) {
        let now = Standing::Failed(error.failure);
        let (sentinel, reason) = (self.address.to_string(), error.failure.label());
        if core::mem::replace(&mut self.standing, now) != now {
            tracing::warn!(event = "sentinel.lost", sentinel, reason, detail = error.detail);
        } else {
            tracing::debug!(event = "sentinel.unreachable", sentinel, reason, detail = error.detail);
        }
    }

    async fn connect(&self) -> Result<Session, AskError> {
        let mut asking = self.open().await?;
        let mut events = self.open().await?;
        let mut request = Vec::new();
        command(&mut request, &["PSUBSCRIBE", "*"]);
        // Confirmed before anything is asked: what happens after the answer is heard as an event.
        events.ask(&request, 1, self.answer_limit()).await?;
        request.clear();
        command(&mut request, &["SENTINEL", "MYID"]);
        let replies = asking.ask(&request, 1, self.answer_limit()).await?;
        let id = replies[0].text().map_or_else(|| self.address.to_string(), str::to_owned);
        Ok(Session { asking, events, id })
    }

    async fn open(&self) -> Result<Connection, AskError> {
        let unknown = || AskError { failure: NodeFailure::Connect, detail: "its name has no address".into() };
        let socket = resolve(&self.address, None).await.ok_or_else(unknown)?;
        let auth = &self.config.auth;
        let login =
            Login { username: auth.sentinel_username.clone(), password: auth.sentinel_password.clone() };
        Connection::open(socket, &login, self.config.timeouts.connect, self.answer_limit()).await
    }

    fn answer_limit(&self) -> Duration {
        self.config.timeouts.dead_after
    }

    async fn ask(&mut self, session: &mut Session) -> Result<(), AskError> {
        let (request, count) = questions(&self.config.shards);
        let replies = session.asking.ask(&request, count, self.answer_limit()).await?;
        let (sentinel, at) = (session.id.as_str(), self.told.now());
        let answerer = Answerer { pool: self.pool, address_map: &self.config.address_map, sentinel, at };
        let said = answerer.read(&replies, &self.config.shards)?;
        self.tell(said, &session.id).await;
        Ok(())
    }

    async fn tell(&mut self, said: Said, id: &str) {
        if core::mem::replace(&mut self.standing, Standing::Answered) != Standing::Answered {
            tracing::info!(event = "sentinel.up", sentinel = %self.address);
            for master in &said.unknown {
                tracing::warn!(
                    event = "sentinel.unknown_master",
                    sentinel = %self.address,
                    master,
                    "this Sentinel watches no master of that name"
                );
            }
        }
        for view in said.views {
            self.told.tell(Observation::SentinelSaid(view)).await;
        }
        // A directory that is full or gone learns it with the next answer, if at all.
        let _ = self.news.try_send(News::Met { address: self.address.clone(), run_id: id.to_owned() });
        let _ = self.news.try_send(News::Knows(said.others));
    }

    /// Until there is a reason to ask again.
    async fn wait(&self, session: &mut Session, asked: &mut watch::Receiver<u64>) -> Result<(), AskError> {
        let refresh = Instant::now() + self.config.sentinel_refresh;
        loop {
            tokio::select! {
                // An error is impossible: this task holds a sender itself.
                _ = asked.changed() => return Ok(()),
                event = session.events.receive() => self.heard(&event?).await,
                () = sleep_until(refresh) => return self.check_events(session).await,
            }
        }
    }

    /// A connection on which nothing comes may be dead without anybody having said so.
    async fn check_events(&self, session: &mut Session) -> Result<(), AskError> {
        let mut request = Vec::new();
        command(&mut request, &["PING"]);
        session.events.send(&request).await?;
        let answered = timeout(self.answer_limit(), session.events.receive()).await;
        let silent = |_| AskError { failure: NodeFailure::Silent, detail: "no answer to a PING".into() };
        self.heard(&answered.map_err(silent)??).await;
        Ok(())
    }

    /// Any event is a reason to ask everybody. One says more than that something happened: from the
    /// selection of a replica on, what the old primary takes is lost.
    async fn heard(&self, message: &Value) {
        let Some(event) = event(message) else { return };
        if let Some((replica, master)) = selected(event, &self.config.address_map) {
            let shards = (0..).zip(&self.config.shards);
            for (index, _) in shards.filter(|(_, shard)| shard.master == master) {
                let (pool, shard, replica) = (self.pool, ShardId(index), replica.clone());
                self.told.tell(Observation::ReplicaSelected { pool, shard, replica }).await;
            }
        }
        self.ask_all();
    }

    fn ask_all(&self) {
        self.asked.send_modify(|n| *n = n.wrapping_add(1));
    }
}
