//! The clients' half: sessions, input that waits, the order of replies, output. Knows no nodes.

pub(crate) mod pinned;
pub(crate) mod replies;
mod roads;
mod silence;
pub(crate) mod subscriber;
mod writes;

use core::net::SocketAddr;

use super::buffers::{BufferPool, ByteQueue};
use super::profile::{Profile, ProfileId};
use crate::base::{ListenerId, PoolId, ShardId, Time};
use crate::config::{ReadPolicy, Route};
use crate::resp::{RequestScanner, RequestTail, Span};
use pinned::{Blocked, Transaction};
use replies::Replies;
pub(crate) use roads::Roads;
pub(crate) use silence::Mode;
use subscriber::Subscriber;
pub(crate) use writes::Writes;

/// A client that has this much output unread is not parsed and not read until half of it has gone.
pub(crate) const OUTPUT_MARK: usize = 256 * 1024;
/// Requests of one client whose replies are owed; past it the client is not parsed until half are answered.
/// Their replies come however full the output is, so this is what bounds it: 1,024 replies of 64 KiB (a
/// larger one makes its node wait) are `output_limit`'s default, and a client that merely does not read is
/// not read from, instead of being closed.
pub(crate) const FLIGHT_MARK: u32 = 1024;
/// Input kept for a client that may not be parsed; past it the client is not read. (While a request is
/// incomplete it is read on, up to `max_request`.)
pub(crate) const INPUT_MARK: usize = 64 * 1024;

/// Why a client's input is not parsed at the moment. A set: each reason goes by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pause(u8);

impl Pause {
    pub(crate) const OUTPUT: Pause = Pause(1);
    pub(crate) const UPSTREAM: Pause = Pause(2);
    pub(crate) const FLIGHT: Pause = Pause(4);
    pub(crate) const HOLD: Pause = Pause(8);
    /// A request waits to be streamed: for its road, for an upstream, or for room in that upstream.
    pub(crate) const STREAM: Pause = Pause(16);
    /// It will be closed once it has been given what it is owed.
    pub(crate) const CLOSING: Pause = Pause(32);
    /// Its last request must be answered before the next is looked at: one that blocks, or an EXEC that may
    /// change what the client is.
    pub(crate) const TURN: Pause = Pause(64);
    /// The nodes are being asked about the name of a command.
    pub(crate) const NAME: Pause = Pause(128);

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }
    pub(crate) fn has(self, reason: Pause) -> bool {
        self.0 & reason.0 != 0
    }
    pub(crate) fn set(&mut self, reason: Pause) {
        self.0 |= reason.0;
    }
    pub(crate) fn clear(&mut self, reason: Pause) {
        self.0 &= !reason.0;
    }
}

/// One connection of a client. Kept small: the unusual is boxed.
pub(crate) struct Client {
    /// What CLIENT ID answers: unique in the process.
    pub(crate) number: u64,
    pub(crate) replies: Replies,
    pub(crate) output: ByteQueue,
    pub(crate) input: ByteQueue,
    pub(crate) roads: Roads,
    pub(crate) writes: Writes,
    /// The request at the front of the input, if it was looked at and found incomplete.
    pub(crate) partial: Option<Box<Partial>>,
    /// A request that passes through in pieces.
    pub(crate) stream: Option<Box<Stream>>,
    pub(crate) session: Box<Session>,
    /// Bytes of part replies that wait for the other parts.
    pub(crate) gathered: usize,
    /// Requests and parts of requests that are held.
    pub(crate) held: u32,
    pub(crate) listener: ListenerId,
    pub(crate) pool: PoolId,
    /// Which upstreams can serve its next request.
    pub(crate) profile: Profile,
    /// Changed with it, by `set_profile`.
    pub(crate) profile_id: ProfileId,
    pub(crate) pause: Pause,
    pub(crate) route: Route,
    pub(crate) reads: ReadPolicy,
    pub(crate) authenticated: bool,
    /// It has subscriptions.
    pub(crate) subscribed: bool,
    /// It said MULTI: its requests are queued.
    pub(crate) in_multi: bool,
    /// It watches keys: what it asks of their shard goes by an upstream of its own.
    pub(crate) watching: bool,
    /// It closed its side: it is given what it is owed, then closed.
    pub(crate) eof: bool,
    /// The driver reads from it.
    pub(crate) reading: bool,
    /// It stands in the list of those to be parsed on.
    pub(crate) runnable: bool,
    /// It stands in the list of those whose output is to be written.
    pub(crate) dirty: bool,
    /// It has a place among the pool's clients.
    pub(crate) counted: bool,
    /// The command that it said last; `None` where nobody knows it.
    pub(crate) command: Option<crate::command::RowId>,
    /// Bytes written to it.
    pub(crate) sent: u64,
    /// Requests that it was given a place for.
    pub(crate) commands: u64,
    /// Requests parsed in this turn.
    pub(crate) parsed: u16,
    /// The turn that `parsed` counts for.
    pub(crate) turn: u32,
}

/// What is rarely looked at.
pub(crate) struct Session {
    pub(crate) peer: SocketAddr,
    /// Ketch's end.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) opened: Time,
    pub(crate) last: Time,
    /// Bytes read from it.
    pub(crate) received: u64,
    /// CLIENT NO-EVICT and NO-TOUCH.
    pub(crate) no_evict: bool,
    pub(crate) no_touch: bool,
    pub(crate) name: Vec<u8>,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_version: Vec<u8>,
    pub(crate) user: Option<String>,
    /// Since when requests of it have come back to be sent again, without one being answered.
    pub(crate) resent_since: Option<Time>,
    /// It is being closed for what it sent.
    pub(crate) protocol_error: bool,
    pub(crate) subscriber: Option<Box<Subscriber>>,
    /// MULTI or WATCH was said.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// A command of it blocks, or is about to.
    pub(crate) blocked: Option<Box<Blocked>>,
}

impl Session {
    pub(crate) fn new(peer: SocketAddr, now: Time) -> Session {
        Session {
            peer,
            local: None,
            opened: now,
            last: now,
            received: 0,
            no_evict: false,
            no_touch: false,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            user: None,
            resent_since: None,
            protocol_error: false,
            subscriber: None,
            transaction: None,
            blocked: None,
        }
    }
}

/// An incomplete request: where its scanner stands and the arguments found so far.
#[derive(Default)]
pub(crate) struct Partial {
    pub(crate) scanner: RequestScanner,
    pub(crate) args: Vec<Span>,
}

/// A request that is too large to keep.
pub(crate) struct Stream {
    pub(crate) shard: ShardId,
    pub(crate) seq: replies::Seq,
    pub(crate) row: crate::command::RowId,
    pub(crate) tail: RequestTail,
    /// Bytes at the front of the input that its scanner has seen already.
    pub(crate) head: usize,
    pub(crate) to: StreamTo,
    /// Since when it waits to begin.
    pub(crate) since: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StreamTo {
    /// Waits until its road is free and a bulk upstream is ready; its first bytes are in the input.
    Waiting,
    Upstream(crate::base::UpstreamId),
    /// It has failed and said so; the rest is read and dropped.
    Nowhere,
}

const _: () = assert!(size_of::<Client>() <= 256);

impl Client {
    /// Whether all that it is owed has been given to it.
    pub(crate) fn settled(&self) -> bool {
        self.replies.owed() == 0 && self.output.is_empty()
    }

    /// Bytes that are kept for it: replies that it has not read, or that wait for others.
    #[inline]
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.output.len() + self.replies.parked_bytes() + self.gathered
    }

    /// By which policy a read goes that waited until earlier requests of this client were answered: a
    /// replica need not have yet what they wrote. So it waits on, where there is a primary (`writable`)
    /// to which no upstream is ready at the moment.
    pub(crate) fn reads_behind(&self, own_order: bool, writable: bool) -> ReadPolicy {
        match (own_order && self.route != Route::Replica, writable) {
            (true, true) => ReadPolicy::Primary,
            (true, false) => ReadPolicy::PreferPrimary,
            (false, _) => self.reads,
        }
    }

    /// Gives the reply of place `seq`.
    #[inline]
    pub(crate) fn deliver(&mut self, seq: replies::Seq, reply: &[u8], pool: &mut BufferPool) {
        self.replies.deliver(seq, reply, &mut self.output, pool);
    }
}
