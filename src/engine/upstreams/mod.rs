//! The nodes' half: upstreams, what they are for, what they owe. Knows no clients (an owner is a number
//! to it) and no command's meaning.
//!
//! ```text
//! connecting ──► handshaking ──► ready ──► draining
//!      │              │            │           │
//!      └──────────────┴─────┬──────┴───────────┘
//!                     closed(reason)
//! ```

pub(crate) mod expected;
mod replay;
mod waits;

use core::time::Duration;
use std::collections::VecDeque;

use crate::base::{ClientId, NodeId, PoolId, ShardId, Time};
use crate::engine::buffers::BufferPool;
use crate::engine::counters::UpstreamCounters;
use crate::engine::profile::{Profile, ProfileId};
use crate::engine::road::Tag;
use crate::engine::scripts::Loaded;
use crate::resp::ReplyScanner;
pub(crate) use expected::{Expected, Owner, Step};
pub(crate) use replay::Replay;
pub(crate) use waits::{Patience, Waits};

/// What an upstream is for (contract: lane).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// Pipelined requests of everybody.
    Shared,
    /// What may take long: scripts, functions, sorts, unions. The same for everybody, and apart from what
    /// others wait for.
    Slow,
    /// One streamed request at a time.
    Bulk,
    /// One client at a time has it for itself.
    Pinned,
    /// Asks a deposed node to unblock what blocks there, and nothing else.
    Asker,
    /// All subscriptions of a worker's clients at its shard.
    Subscriber,
}

impl Lane {
    /// Whether `max_upstreams` counts it. Pinned ones have a bound of their own, `max_pinned`; of subscribers
    /// there is one a worker and node.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self, Lane::Shared | Lane::Slow | Lane::Bulk)
    }
}

/// A script keeps the node busy: it answered so to something that it was asked in the greeting.
pub(crate) struct Busy {
    /// How it put it.
    pub(crate) words: Box<[u8]>,
    /// When it said so last.
    pub(crate) heard: Time,
    /// It did so in the greeting at hand, which is not to be trusted as a whole.
    pub(crate) again: bool,
}

/// Who has a pinned upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pin {
    /// Nobody: it is clean, and in stock once it is ready.
    Nobody,
    /// A client that watches keys on it.
    Watch(ClientId),
    /// A client whose command blocks on it.
    Block(ClientId),
    /// Nobody yet: what its last client left there is being answered and undone.
    Cleaning,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Connecting,
    Handshaking,
    /// The handshake is over. A write may go only where ROLE was seen to answer `master`.
    Ready {
        primary: bool,
    },
    /// Nothing new is put behind what it owes; then it is closed.
    Draining,
}

/// A reply that is larger than what is kept, on its way to a client in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Large {
    No,
    /// Larger than `LARGE`, kept until its client is at the head of its order.
    Kept,
    /// Its first bytes are in the client's output.
    Streaming,
    /// Its client has gone: the rest is dropped.
    Dropped,
}

/// One connection to a node.
pub(crate) struct Upstream {
    pub(crate) pool: PoolId,
    pub(crate) shard: ShardId,
    pub(crate) node: NodeId,
    pub(crate) lane: Lane,
    /// Of the pinned lane.
    pub(crate) pin: Pin,
    /// What the node calls this connection, if it told.
    pub(crate) node_client: Option<u64>,
    /// What the node answered first to a command of the block at hand that it did not queue.
    pub(crate) refusal: Option<Box<[u8]>>,
    pub(crate) profile: Profile,
    pub(crate) profile_id: ProfileId,
    /// It has been asked to select another database, and has not answered: nothing new until then.
    pub(crate) switching: Option<ProfileId>,
    /// Which process answers here; not known before the handshake is over.
    pub(crate) tag: Tag,
    pub(crate) state: State,
    pub(crate) out: Replay,
    pub(crate) expected: VecDeque<Expected>,
    pub(crate) waits: Waits,
    pub(crate) scanner: ReplyScanner,
    /// The reply on its way, if its first bytes came in an earlier read.
    pub(crate) partial: Vec<u8>,
    pub(crate) large: Large,
    /// Owes or owed a large reply: nothing new is put behind it until it is idle.
    pub(crate) private: bool,
    /// Since when others wait behind a large reply whose client does not read.
    pub(crate) stalled: Option<Time>,
    /// How long others have waited behind this large reply before, the pause at hand left out.
    pub(crate) stalled_for: Duration,
    /// Clients that are not read until it has room again.
    pub(crate) waiting: Vec<ClientId>,
    pub(crate) last_byte: Time,
    pub(crate) opened: Time,
    /// Its node said that it can't serve now (LOADING and the like): nothing new until ROLE was answered.
    pub(crate) resting: bool,
    /// Of one that is being greeted.
    pub(crate) busy: Option<Busy>,
    /// When ROLE is asked again, because it did not say `master` where it should; or the whole greeting, of a
    /// node that was too busy for it.
    pub(crate) ask_role_at: Option<Time>,
    /// A streamed request is on its way and not yet whole.
    pub(crate) uploading: bool,
    /// The client that streams to it and waits for room.
    pub(crate) feeder: Option<ClientId>,
    /// The number in `waits` of the script or function that was queued last; 0 = none.
    last_script: u64,
    /// Scripts that were loaded on it.
    pub(crate) scripts: Loaded,
    pub(crate) dirty: bool,
    pub(crate) reading: bool,
    pub(crate) counters: UpstreamCounters,
}

impl Upstream {
    pub(crate) fn new(
        pool: PoolId,
        shard: ShardId,
        node: NodeId,
        lane: Lane,
        profile: Profile,
        now: Time,
        counters: UpstreamCounters,
    ) -> Upstream {
        Upstream {
            pool,
            shard,
            node,
            lane,
            pin: Pin::Nobody,
            node_client: None,
            refusal: None,
            profile,
            profile_id: ProfileId::FIRST,
            switching: None,
            tag: Tag::default(),
            state: State::Connecting,
            out: Replay::default(),
            expected: VecDeque::new(),
            waits: Waits::default(),
            scanner: ReplyScanner::default(),
            partial: Vec::new(),
            large: Large::No,
            private: false,
            stalled: None,
            stalled_for: Duration::ZERO,
            waiting: Vec::new(),
            last_byte: now,
            opened: now,
            resting: false,
            busy: None,
            ask_role_at: None,
            uploading: false,
            feeder: None,
            last_script: 0,
            scripts: Loaded::default(),
            dirty: false,
            reading: true,
            counters,
        }
    }

    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// ROLE answered `master` on this very connection.
    #[inline]
    pub(crate) fn may_write(&self) -> bool {
        self.state == State::Ready { primary: true }
    }

    /// Whose reply comes next, if it is the whole reply to a client's request.
    pub(crate) fn front_client(&self) -> Option<ClientId> {
        match self.expected.front()?.owner {
            Owner::Client { client, .. } => Some(client),
            Owner::Part { .. } | Owner::Own(_) | Owner::Nobody => None,
        }
    }

    /// Pipelined requests of everybody go by it.
    #[inline]
    pub(crate) fn is_common(&self) -> bool {
        matches!(self.lane, Lane::Shared | Lane::Slow)
    }

    /// Whether what it owes may take long.
    pub(crate) fn is_patient(&self) -> bool {
        self.lane == Lane::Slow || self.owes_script()
    }

    /// A script or function has been queued here, and not been answered. It need not be the oldest request: a
    /// node that runs one gives none of the replies that it has for that connection before it ends.
    #[inline]
    pub(crate) fn owes_script(&self) -> bool {
        self.waits.owes(self.last_script)
    }

    /// What was queued last is a script or function.
    #[inline]
    pub(crate) fn note_script(&mut self) {
        self.last_script = self.waits.last();
    }

    /// ROLE has been asked and not been answered.
    pub(crate) fn asks_role(&self) -> bool {
        self.asks(Step::Role)
    }

    pub(crate) fn asks(&self, step: Step) -> bool {
        self.expected.iter().any(|e| e.owner == Owner::Own(step))
    }

    /// May something new be put behind what it owes?
    #[inline]
    pub(crate) fn takes_more(&self) -> bool {
        self.is_ready() && !self.private && !self.resting && self.switching.is_none()
    }

    /// Appends a request; its reply will be `expected.owner`'s.
    #[inline]
    pub(crate) fn queue(&mut self, request: &[u8], expected: Expected, now: Time, pool: &mut BufferPool) {
        debug_assert!(expected.streamed || expected.length as usize == request.len());
        self.out.queue(request, pool);
        self.expected.push_back(expected);
        self.waits.pushed(now);
    }

    /// The oldest request has been answered: forgets it. `None`, and nothing is forgotten, if the reply
    /// cannot be its own: nobody asked, or the request was not even written.
    #[inline]
    pub(crate) fn answered(&mut self, pool: &mut BufferPool) -> Option<Expected> {
        let front = *self.expected.front()?;
        if !self.out.answered(front.length as usize, pool) {
            // It stays in the queue: when the upstream is lost for this, it gets its verdict.
            return None;
        }
        self.expected.pop_front();
        self.waits.popped();
        Some(front)
    }
}
