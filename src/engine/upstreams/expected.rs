//! An upstream's queue of requests that wait for their reply, oldest first. Redis answers in order, so
//! a reply belongs to the front; nothing leaves from the middle.

use crate::base::{ClientId, UpstreamId};
use crate::command::RowId;
use crate::engine::clients::replies::Seq;
use crate::engine::road::GatherId;

/// Whom a reply is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Client {
        client: ClientId,
        seq: Seq,
    },
    /// A part of a split request.
    Part {
        gather: GatherId,
        part: u32,
    },
    /// A step of the handshake, or a later question of the engine's own.
    Own(Step),
    /// Its client has gone, or has been answered already: the reply is dropped.
    Nobody,
}

/// What the engine asks on its own behalf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Auth,
    Hello,
    Select,
    /// SELECT on an upstream that serves several databases in turn.
    Switch,
    /// CONFIG GET databases.
    Databases,
    /// INFO server: which process it is.
    RunId,
    /// CLIENT NO-EVICT: a node that does not know or allow it goes on without.
    NoEvict,
    Role,
    /// PING, while a script does not end on another upstream: a node that is busy with it says so.
    Alive,
    /// One name more or less on a subscriber upstream.
    Subscription,
    /// Behind all that a subscriber upstream was asked when it was ready.
    CaughtUp,
    /// Nothing was heard on a subscriber upstream for a while.
    Ping,
    /// INFO replication, with the number of the question: how far the node is.
    Offset(u32),
    /// CLIENT ID, of a pinned upstream: by it the node can be asked to unblock it.
    ClientId,
    /// The answer to MULTI, or to a command of a block, before the one to EXEC.
    Queued,
    /// UNWATCH, before a pinned upstream is another client's.
    Unwatch,
    /// XINFO STREAM, for the last id of a stream that a client is to block on.
    LastId,
    /// CLIENT UNBLOCK for another upstream.
    Unblock(UpstreamId),
    /// What a command answers that blocks on a deposed node: its client may not see it as it is.
    Popped,
    /// SCRIPT LOAD, in front of a request that runs the script.
    ScriptLoad,
    /// SCRIPT EXISTS, after a NOSCRIPT.
    ScriptExists,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    pub(crate) owner: Owner,
    /// Bytes of the request in the replay buffer; 0 for a streamed one, which is not kept.
    pub(crate) length: u32,
    pub(crate) row: RowId,
    /// How often the request has been sent before.
    pub(crate) attempts: u8,
    pub(crate) streamed: bool,
}

const _: () = assert!(size_of::<Expected>() <= 24);
