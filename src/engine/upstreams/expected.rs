//! An upstream's queue of requests that wait for their reply, oldest first. Redis answers in order, so
//! a reply belongs to the front; nothing leaves from the middle.

use crate::base::ClientId;
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
    /// CLIENT NO-EVICT: a node that does not know or allow it goes on without.
    NoEvict,
    Role,
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
