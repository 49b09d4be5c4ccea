//! What the engine tells its driver, and in which words.

use core::net::SocketAddr;
use core::time::Duration;

use crate::base::{ClientId, UpstreamId, WorkerId};
use crate::exchange::{Answer, Notice, Question, Ticket};
use crate::topology::Observation;

/// A connection of either side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    Client(ClientId),
    Upstream(UpstreamId),
}

/// What the driver must do. Actions are given in the order in which they must be done.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Connect; answer with `upstream_opened`, or with `upstream_lost` when it fails or takes too long.
    Connect { upstream: UpstreamId, to: SocketAddr, within: Duration },
    /// Close the socket now. The engine has forgotten the party already; nothing more is said about it.
    Close { party: Party, reason: CloseReason },
    /// Stop or go on reading from a party.
    Read { party: Party, on: bool },
    /// Tell the control plane, if its mailbox has room.
    Report(Observation),
    /// Ask another worker; where its mailbox is full, `answered` with `Answer::Busy`.
    Ask { ticket: Ticket, to: WorkerId, question: Question },
    /// Give the asker its answer.
    Reply { ticket: Ticket, answer: Answer },
    /// Tell another worker, if its mailbox has room.
    Tell { to: WorkerId, notice: Notice },
}

/// Why a connection was lost, as the driver saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The peer closed or reset it.
    Closed,
    /// It could not be made.
    Connect,
    /// Connecting took longer than `timeouts.connect`.
    ConnectTimeout,
}

/// Why a connection was closed: a metric label and a word in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CloseReason {
    /// The client said QUIT, or closed itself by CLIENT KILL.
    Quit,
    /// Another client closed it by CLIENT KILL.
    Killed,
    /// The client closed its side and has been given what it was owed.
    Eof,
    /// The connection broke.
    Lost,
    /// The client sent what is no RESP.
    Protocol,
    /// The client did not read its replies and passed `output_limit`.
    OutputLimit,
    /// A subscriber did not read its messages and passed `output_limit`.
    SlowSubscriber,
    /// A node refused to take up again what the client was subscribed to.
    SubscriptionRefused,
    /// Others waited behind this client's large reply longer than `stall_limit`.
    Stalled,
    /// A reply was cut after its first bytes had gone to the client.
    ReplyCut,
    /// Nothing was heard for `client_idle`.
    Idle,
    /// Ketch is stopping.
    Shutdown,
    /// The node could not be reached.
    Connect,
    /// The node answered what is no RESP, or a reply nobody asked for.
    BadReply,
    /// The node was silent for `dead_after` while it owed something.
    Silent,
    /// The handshake failed or took too long.
    Handshake,
    /// Another primary is believed.
    Deposed,
    /// The node left the topology, or its address changed.
    Removed,
    /// A streamed request was left unfinished by its client.
    Abandoned,
    /// The node does not have the database, or the version of the protocol, that its clients asked for.
    Profile,
    /// Not needed any more.
    Spare,
    /// Its client has gone, or left behind what can't be undone.
    Unpinned,
}

impl CloseReason {
    pub fn label(self) -> &'static str {
        match self {
            CloseReason::Quit => "quit",
            CloseReason::Killed => "killed",
            CloseReason::Eof => "eof",
            CloseReason::Lost => "lost",
            CloseReason::Protocol => "protocol",
            CloseReason::OutputLimit => "output_limit",
            CloseReason::SlowSubscriber => "slow_subscriber",
            CloseReason::SubscriptionRefused => "subscription_refused",
            CloseReason::Stalled => "stalled",
            CloseReason::ReplyCut => "reply_cut",
            CloseReason::Idle => "idle",
            CloseReason::Shutdown => "shutdown",
            CloseReason::Connect => "connect",
            CloseReason::BadReply => "bad_reply",
            CloseReason::Silent => "silent",
            CloseReason::Handshake => "handshake",
            CloseReason::Deposed => "deposed",
            CloseReason::Removed => "removed",
            CloseReason::Abandoned => "abandoned",
            CloseReason::Profile => "profile",
            CloseReason::Spare => "spare",
            CloseReason::Unpinned => "unpinned",
        }
    }
}
