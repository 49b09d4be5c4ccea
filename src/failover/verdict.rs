//! What becomes of a request that did not simply get its reply: the exact table, as one `match`.
//!
//! It judges and does nothing: routing again, holding, asking and wording the error are the engine's.
//! It never sees a request's bytes, only whether it reads or writes and what happened to it. Whoever
//! calls it for each request of a lost upstream does so in the order in which they were sent.
//!
//! Deliberately absent: what needs to know the other requests. How long one may be held, what is dropped
//! with its client, and that a refused one is not sent again behind a later write of its client is seen
//! to where they are held, in the engine.

/// Whatever is not flagged `readonly` in the command table is a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Read,
    Write,
}

/// What happened to the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate<'a> {
    /// Its last byte was not given to the kernel (under TLS: to the TLS layer). Redis runs no
    /// incomplete request, so it was not executed.
    NotSent,
    /// Sent, and the connection was lost before its reply; also when that connection was closed
    /// because it no longer spoke RESP.
    Lost,
    /// Sent, and the reply did not come within the pool's time-out.
    TimedOut,
    /// In flight on a node while another primary of its shard was believed.
    Deposed,
    /// Answered with this error, as it came: `-CODE text\r\n`.
    Answered(&'a [u8]),
    /// Streamed (too large to keep), and refused or lost before its last byte went out.
    StreamCut,
    /// Part of its reply was already given to the client when the rest was lost.
    ReplyCut,
}

/// What is known of the request besides its fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// How often it was sent *again* so far: 0 for a request that was sent once.
    pub attempts: u32,
    /// The pool's `read_retries`.
    pub read_retries: u32,
    /// A script, function, module command or EXEC: a script can write and answer `-READONLY`, so an
    /// error's first word proves nothing.
    pub scripted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Routed anew: to another node of the shard that may serve it, else held.
    SendAgain,
    /// Held until the shard's gate is open and sent again; the source must be asked now
    /// (`Observation::TopologyDoubted`), for a node contradicts what is believed.
    SendAgainDoubting,
    /// Sent once more, but only if another node can take it now; else `-TIMEOUT`. Never held: its
    /// time is up already.
    SendElsewhere,
    /// Held in its client's order until the shard has a believed primary, then sent to it.
    HoldForPrimary,
    /// `ROLE` is asked on the upstream that answered: if it says anything but `master`,
    /// `SendAgainDoubting`; else the error is passed on.
    AskRole,
    /// `-OUTCOMEUNKNOWN`: it may have been executed, and is never sent again.
    OutcomeUnknown,
    /// `-TIMEOUT`.
    TimeoutError,
    /// `-NOTAPPLIED`: nothing was executed; the client has to send it again.
    NotApplied,
    /// The client is closed, reason `reply_cut`.
    CloseClient,
    /// `-SHARDDOWN`: nothing was executed.
    ShardDown,
    /// The client gets the reply as the node gave it.
    PassOn,
}

/// The table.
pub fn verdict(kind: Kind, fate: Fate<'_>, past: Past) -> Verdict {
    use Kind::{Read, Write};
    match (kind, fate) {
        (Read, Fate::NotSent) => Verdict::SendAgain,
        (Write, Fate::NotSent) => Verdict::HoldForPrimary,

        (Read, Fate::Lost) if past.attempts < past.read_retries => Verdict::SendAgain,
        // A read that loses its connection each time may be what kills the nodes.
        (Read, Fate::Lost) => Verdict::ShardDown,
        (Write, Fate::Lost) => Verdict::OutcomeUnknown,

        (Read, Fate::TimedOut) if past.attempts == 0 => Verdict::SendElsewhere,
        (Read, Fate::TimedOut) => Verdict::TimeoutError,
        (Write, Fate::TimedOut) => Verdict::OutcomeUnknown,

        (Read, Fate::Deposed) => Verdict::SendAgain,
        (Write, Fate::Deposed) => Verdict::OutcomeUnknown,

        (kind, Fate::Answered(reply)) => answered(kind, reply, past),

        (_, Fate::StreamCut) => Verdict::NotApplied,
        (_, Fate::ReplyCut) => Verdict::CloseClient,
    }
}

/// The rows about error replies.
fn answered(kind: Kind, reply: &[u8], past: Past) -> Verdict {
    match refusal(reply) {
        None => Verdict::PassOn,
        Some(Refusal { own_text: true }) if past.scripted => Verdict::AskRole,
        Some(_) if past.scripted => Verdict::PassOn,
        Some(_) => match kind {
            Kind::Read => Verdict::SendAgain,
            Kind::Write => Verdict::SendAgainDoubting,
        },
    }
}

/// Whether an error reply may be something else than the client's business, so that `verdict` has to
/// be asked. Cheap: it looks at the first word only.
pub fn is_telling(reply: &[u8]) -> bool {
    let code = first_word(reply);
    REFUSALS.iter().any(|r| r.code == code) || FOLLOWED.contains(&code) || code == b"EXECABORT"
}

/// An error by which a node says that it did not execute the request.
struct Row {
    code: &'static [u8],
    /// How Redis and Valkey go on: what a script would have to imitate on purpose.
    own_texts: &'static [&'static [u8]],
}

/// Texts of `createSharedObjects` and `scriptPrepareForRun` in Redis's `server.c` and `script.c`.
const REFUSALS: &[Row] = &[
    Row {
        code: b"READONLY",
        own_texts: &[
            b"You can't write against a read only ",
            b"Can not run script with write flag on readonly ",
        ],
    },
    Row {
        code: b"LOADING",
        own_texts: &[b"Redis is loading the dataset in memory", b"Valkey is loading the dataset in memory"],
    },
    Row {
        code: b"MASTERDOWN",
        own_texts: &[b"Link with MASTER is down and replica-serve-stale-data is set"],
    },
    Row { code: b"CLUSTERDOWN", own_texts: &[b"The cluster is down", b"Hash slot not served"] },
];

/// Errors that a pool with a cluster source follows. Without one a node that says so is set up for
/// something else than this pool, which is the client's to see: they are passed on.
const FOLLOWED: &[&[u8]] = &[b"MOVED", b"ASK", b"TRYAGAIN"];

/// What EXEC says when the block was discarded as a whole; the cause's own error follows.
const EXEC_DISCARDED: &[u8] = b"-EXECABORT Transaction discarded because of: ";

struct Refusal {
    own_text: bool,
}

fn refusal(reply: &[u8]) -> Option<Refusal> {
    let cause = reply.strip_prefix(EXEC_DISCARDED).unwrap_or(reply);
    let code = first_word(cause);
    let row = REFUSALS.iter().find(|r| r.code == code)?;
    let text = cause.strip_prefix(b"-").unwrap_or(cause).get(code.len() + 1..).unwrap_or_default();
    Some(Refusal { own_text: row.own_texts.iter().any(|own| text.starts_with(own)) })
}

fn first_word(reply: &[u8]) -> &[u8] {
    let reply = reply.strip_prefix(b"-").unwrap_or(reply);
    let end = reply.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n')).unwrap_or(reply.len());
    &reply[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Past = Past { attempts: 0, read_retries: 2, scripted: false };
    const RETRIED: Past = Past { attempts: 1, ..FRESH };
    const EXHAUSTED: Past = Past { attempts: 2, ..FRESH };
    const SCRIPTED: Past = Past { scripted: true, ..FRESH };

    const READONLY: &[u8] = b"-READONLY You can't write against a read only replica.\r\n";
    const LOADING: &[u8] = b"-LOADING Redis is loading the dataset in memory\r\n";
    const MASTERDOWN: &[u8] =
        b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    const CLUSTERDOWN: &[u8] = b"-CLUSTERDOWN The cluster is down\r\n";
    const ABORTED: &[u8] = b"-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.\r\n";

    /// What the table says of a fate: the read's verdict, then the write's.
    fn check(fate: Fate<'_>, past: Past, read: Verdict, write: Verdict) {
        assert_eq!(verdict(Kind::Read, fate, past), read, "a read, {fate:?}, {past:?}");
        assert_eq!(verdict(Kind::Write, fate, past), write, "a write, {fate:?}, {past:?}");
    }

    #[test]
    fn every_row_about_connections_is_kept() {
        use Verdict::*;
        for past in [FRESH, RETRIED, EXHAUSTED, SCRIPTED] {
            check(Fate::NotSent, past, SendAgain, HoldForPrimary);
            check(Fate::Deposed, past, SendAgain, OutcomeUnknown);
            check(Fate::StreamCut, past, NotApplied, NotApplied);
            check(Fate::ReplyCut, past, CloseClient, CloseClient);
        }
        check(Fate::Lost, FRESH, SendAgain, OutcomeUnknown);
        check(Fate::Lost, RETRIED, SendAgain, OutcomeUnknown);
        check(Fate::Lost, EXHAUSTED, ShardDown, OutcomeUnknown);
        check(Fate::Lost, Past { read_retries: 0, ..FRESH }, ShardDown, OutcomeUnknown);
        check(Fate::TimedOut, FRESH, SendElsewhere, OutcomeUnknown);
        check(Fate::TimedOut, RETRIED, TimeoutError, OutcomeUnknown);
    }

    #[test]
    fn an_answer_that_says_not_executed_is_sent_again() {
        use Verdict::*;
        for reply in [READONLY, LOADING, MASTERDOWN, CLUSTERDOWN, ABORTED, b"-READONLY\r\n"] {
            assert!(is_telling(reply), "{reply:?}");
            check(Fate::Answered(reply), FRESH, SendAgain, SendAgainDoubting);
            check(Fate::Answered(reply), EXHAUSTED, SendAgain, SendAgainDoubting);
        }
    }

    #[test]
    fn any_other_answer_is_passed_on() {
        for reply in [
            &b"-ERR unknown command 'x'\r\n"[..],
            b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            b"-MISCONF Redis is configured to save RDB snapshots\r\n",
            b"-NOREPLICAS Not enough good replicas to write.\r\n",
            b"-BUSY Redis is busy running a script.\r\n",
            b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
            b"-EXECABORT Transaction discarded because of previous errors.\r\n",
            b"-EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.\r\n",
            b"-READONLYISH x\r\n",
            b"-\r\n",
            b"",
        ] {
            for past in [FRESH, SCRIPTED] {
                check(Fate::Answered(reply), past, Verdict::PassOn, Verdict::PassOn);
            }
        }
        assert!(!is_telling(b"-ERR x\r\n") && !is_telling(b"-READONLYISH x\r\n") && !is_telling(b""));
    }

    #[test]
    fn a_redirection_is_passed_on_where_the_source_is_no_cluster() {
        for reply in [&b"-MOVED 1 h:1\r\n"[..], b"-ASK 1 h:1\r\n", b"-TRYAGAIN Multiple keys request\r\n"] {
            assert!(is_telling(reply));
            check(Fate::Answered(reply), FRESH, Verdict::PassOn, Verdict::PassOn);
        }
    }

    #[test]
    fn an_error_out_of_a_script_proves_nothing_by_its_first_word() {
        use Verdict::*;
        for own in [
            READONLY,
            LOADING,
            b"-LOADING Valkey is loading the dataset in memory\r\n",
            MASTERDOWN,
            ABORTED,
            b"-READONLY You can't write against a read only replica. script: 1fa, on @user_script:1.\r\n",
            b"-READONLY Can not run script with write flag on readonly replica.\r\n",
        ] {
            check(Fate::Answered(own), SCRIPTED, AskRole, AskRole);
        }
        for forged in [&b"-READONLY because I say so\r\n"[..], b"-LOADING\r\n", b"-MASTERDOWN x\r\n"] {
            check(Fate::Answered(forged), SCRIPTED, PassOn, PassOn);
        }
    }
}
