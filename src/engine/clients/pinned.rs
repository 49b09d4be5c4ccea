//! What a client has begun that needs more than one request: a block since MULTI, keys that are watched, a
//! command that blocks. Data only; what is done with it stands in `road/transaction`, `road/blocking`, and
//! for the upstreams that it takes in `road/pin`.

use crate::base::{ShardId, Time, UpstreamId};
use crate::command::{Local, RowId, Topic};
use crate::engine::clients::replies::Seq;
use crate::engine::road::Page;

/// What MULTI and WATCH have begun.
#[derive(Default)]
pub(crate) struct Transaction {
    /// What was queued since MULTI.
    pub(crate) block: Option<Block>,
    pub(crate) watch: Option<Watch>,
    /// An EXEC behind which nothing of the client is looked at before its answer is there.
    pub(crate) executing: Option<Executing>,
}

/// The commands since MULTI. Nothing is sent before EXEC.
#[derive(Default)]
pub(crate) struct Block {
    /// Where its keys are; `None` while it has none.
    pub(crate) shard: Option<ShardId>,
    /// A command was refused when it was to be queued: EXEC will execute nothing.
    pub(crate) dirty: bool,
    /// The requests for the node, one behind the other.
    pub(crate) bytes: Vec<u8>,
    /// Commands queued, those that Ketch answers included.
    pub(crate) commands: usize,
    /// What is not the node's alone, in the order of the commands.
    pub(crate) own: Vec<Own>,
}

/// A command of a block that means something to Ketch.
pub(crate) struct Own {
    /// Its place among the block's commands.
    pub(crate) at: usize,
    pub(crate) what: OwnKind,
}

pub(crate) enum OwnKind {
    /// Answered by Ketch once the node has executed the rest; the whole request.
    Answer(Local, Vec<u8>),
    /// Executed by the node within the block; if it succeeds it is the client's database from then on.
    Select(u32),
    /// Published by the node within the block; whom it has reached is put right.
    Published { topic: Topic, channel: Vec<u8>, shard: ShardId },
    /// Executed by the node: a page of a scan, for which Ketch gives out its own cursor.
    Page(Page),
}

/// Keys are watched on an upstream that the client has for itself.
pub(crate) struct Watch {
    pub(crate) shard: ShardId,
    /// There, or on its way.
    pub(crate) upstream: Option<UpstreamId>,
    /// How many keys were named, each as often as it was.
    pub(crate) keys: usize,
    /// A WATCH was put on the upstream.
    pub(crate) sent: bool,
    /// The upstream was lost with what it watched: EXEC will do nothing, as if a key had changed.
    pub(crate) broken: bool,
}

pub(crate) struct Executing {
    pub(crate) seq: Seq,
    pub(crate) own: Vec<Own>,
}

/// A command that blocks, from its place in the client's order until its answer.
pub(crate) struct Blocked {
    pub(crate) seq: Seq,
    pub(crate) shard: ShardId,
    /// The upstream that the client has for itself: there, or on its way.
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) since: Time,
    /// When it is answered with nothing; `None` = never.
    pub(crate) until: Option<Time>,
    pub(crate) stage: Stage,
    /// CLIENT UNBLOCK was asked for it: with an error?
    pub(crate) unblock: Option<bool>,
    /// How often the node said that there was nothing to unblock.
    pub(crate) in_vain: u8,
}

/// ```text
/// waiting ──► resolving ──► sent ──► unblocking ──► answered
///    ▲ └──────────────────────┴──────────┤
///    └───────────────────────────────────┘
/// ```
pub(crate) enum Stage {
    /// It is held.
    Waiting,
    /// The last ids of streams are being asked, in this order; the request waits here.
    Resolving(Resolving),
    /// Its node has it since then.
    Sent(Time),
    /// Its node is deposed and was asked to unblock it, then; the request waits here for the answer.
    Unblocking(Vec<u8>, Time),
}

impl Blocked {
    /// A node has it.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent(_) | Stage::Unblocking(..))
    }

    /// Its place is owed by nobody else: neither the hold nor an upstream's queue.
    pub(crate) fn owes(&self) -> bool {
        matches!(self.stage, Stage::Resolving(_) | Stage::Unblocking(..))
    }
}

pub(crate) struct Resolving {
    pub(crate) words: Vec<Vec<u8>>,
    /// Which words are still to be replaced by a last id, the next one last.
    pub(crate) missing: Vec<usize>,
    pub(crate) row: RowId,
    pub(crate) attempts: u8,
}
