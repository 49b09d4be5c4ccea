//! A node that runs a script for longer than its `busy-reply-threshold` answers BUSY to all but a few commands,
//! and is alive. Nothing is closed for it.
//!
//! - What can't be greeted is greeted again until it can. Meanwhile requests that have no other upstream to
//!   that node are answered in the node's words, and those that end the script go to it all the same.
//! - A script that has not ended for a while makes Ketch ask its node, on another upstream. If the node says
//!   that it is busy, nothing new is put behind the script: that would not even be read before it ends.
//!
//! Deliberately absent: what stands behind the script already. It was sent, and will be executed when the
//! script has ended, so nothing may be said about it before.

use core::time::Duration;

use super::Engine;
use super::action::CloseReason;
use super::profile::ProfileId;
use super::road::Why;
use super::upstreams::{Busy, Lane, State, Step, Upstream};
use crate::base::{PoolId, ShardId, Time, UpstreamId};
use crate::command::Row;

/// A busy node is asked again after this.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// A script that takes longer may be one that does not end. Longer than nearly all, shorter than anybody who
/// wants to stop it needs.
const LONG: Duration = Duration::from_millis(20);

/// What becomes of a request to a node that may be busy.
pub(in crate::engine) enum Meets {
    /// What would have become of it in any case.
    Chosen(Result<UpstreamId, Why>),
    /// The node does not even take it, and puts it like this.
    Busy(Box<[u8]>),
}

/// Whether a node says that a script or a module's command keeps it busy. (BUSYKEY and BUSYGROUP are about
/// keys.)
#[inline]
pub(in crate::engine) fn is_busy(reply: &[u8]) -> bool {
    reply.starts_with(b"-BUSY ")
}

impl Engine {
    /// BUSY is the answer to a question of the engine's own. False where that is one error like any other.
    pub(super) fn own_busy(&mut self, id: UpstreamId, step: Step, reply: &[u8]) -> bool {
        self.found_busy(id);
        let (now, again) = (self.now, self.now + ASK_AGAIN);
        let Some(upstream) = self.upstreams.get_mut(id) else { return true };
        let (pool, shard) = (upstream.pool, upstream.shard);
        match step {
            _ if upstream.state == State::Handshaking => {
                upstream.busy = Some(Busy { words: reply.into(), heard: now, again: true });
                if step == Step::Role {
                    upstream.ask_role_at = Some(again);
                    self.release(pool, shard);
                }
            }
            Step::Role => upstream.ask_role_at = Some(again),
            // Behind a block that selected another database: nobody knows which it is now.
            Step::Select => self.lose(id, CloseReason::Handshake),
            Step::Alive => {}
            _ => return false,
        }
        true
    }

    /// Greets a node again that was too busy for it.
    pub(super) fn greet_again(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if let Some(busy) = &mut upstream.busy {
            busy.again = false;
        }
        // It answers, so its time to greet begins anew.
        upstream.ask_role_at = None;
        upstream.opened = self.now;
        self.begin_handshake(id);
    }

    /// The node of an upstream has said there that it is busy: it is alive, and nothing new is put behind
    /// scripts of ours that it runs.
    pub(super) fn found_busy(&mut self, id: UpstreamId) {
        self.note_alive(id);
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node) = (upstream.pool, upstream.node);
        for other in self.upstreams_of(pool, node) {
            if other != id && self.upstreams.get(other).is_some_and(Upstream::owes_script) {
                self.make_private(other);
            }
        }
    }

    /// The node of an upstream has answered a question that proves nothing else.
    pub(super) fn note_alive(&self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        if let Some(node) = self.topology.pool(upstream.pool).node(upstream.node) {
            node.facts.answered(self.now);
        }
    }

    /// When it will be time to ask whether an upstream's script keeps its node busy.
    pub(super) fn suspicious_at(&self, id: UpstreamId) -> Option<Time> {
        let upstream = self.upstreams.get(id).filter(|u| u.is_common() && !u.private && u.owes_script())?;
        let since = upstream.waits.oldest()?;
        let link = self.pools[usize::from(upstream.pool.0)].links.get(&upstream.node)?;
        Some(since.max(link.asked_busy) + LONG)
    }

    /// Asks on another upstream of the same node. If there is none, the greeting of a new one tells.
    pub(super) fn ask_whether_busy(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, profile) = (upstream.pool, upstream.node, upstream.profile);
        let common = |u: &Upstream| u.pool == pool && u.node == node && u.is_common();
        let all = || self.upstreams.iter::<UpstreamId>().filter(|(other, u)| *other != id && common(u));
        let asked = all().find(|(_, u)| u.is_ready() && !u.private && !u.owes_script());
        let greeting = all().any(|(_, u)| matches!(u.state, State::Connecting | State::Handshaking));
        let asks = asked.map(|(other, u)| (other, u.asks(Step::Alive)));
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            link.asked_busy = self.now;
        }
        match asks {
            Some((_, true)) => {}
            Some((other, false)) => self.ask(other, Step::Alive, &["PING"]),
            None if greeting => {}
            None => {
                self.connect(pool, node, Lane::Slow, profile);
            }
        }
    }

    /// What becomes of a request that is first in its client's order, if its node is too busy to be greeted.
    pub(super) fn while_busy(
        &mut self,
        pool: PoolId,
        shard: ShardId,
        profile: ProfileId,
        row: &Row,
        chosen: Result<UpstreamId, Why>,
    ) -> Meets {
        if !matches!(chosen, Err(Why::Connecting | Why::Pinning)) {
            return Meets::Chosen(chosen);
        }
        let primary = self.topology.pool(pool).shard(shard).primary;
        let serves = |u: &Upstream| primary == Some(u.node) || row.any_node();
        if row.serves_while_busy() {
            // Its user is known to the node, which is all that these need: they write nothing, so whether it
            // is still the primary does not matter.
            let protocol = self.pools[usize::from(pool.0)].profile(profile).protocol;
            let fits = |u: &Upstream| serves(u) && u.profile.protocol == protocol;
            let found = self.greeted_busily(pool, shard).find(|(_, u)| fits(u));
            return Meets::Chosen(found.map_or(chosen, |(id, _)| Ok(id)));
        }
        // What it said before this turn may not be true any more: it is asked anew.
        let mut rested = None;
        for (id, upstream) in self.greeted_busily(pool, shard).filter(|(_, u)| serves(u)) {
            match &upstream.busy {
                Some(busy) if busy.heard == self.now => return Meets::Busy(busy.words.clone()),
                _ if upstream.ask_role_at.is_some() => rested = Some(id),
                _ => {}
            }
        }
        if let Some(id) = rested {
            self.greet_again(id);
        }
        Meets::Chosen(chosen)
    }

    /// Whether a node of a shard is too busy to be greeted.
    pub(super) fn is_greeted_busily(&self, pool: PoolId, shard: ShardId) -> bool {
        self.greeted_busily(pool, shard).next().is_some()
    }

    fn greeted_busily(&self, pool: PoolId, shard: ShardId) -> impl Iterator<Item = (UpstreamId, &Upstream)> {
        self.upstreams.iter::<UpstreamId>().filter(move |(_, u)| {
            u.pool == pool && u.shard == shard && u.state == State::Handshaking && u.busy.is_some()
        })
    }
}
