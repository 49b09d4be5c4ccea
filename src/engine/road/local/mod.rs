//! The answers that Ketch gives itself: pure functions from what a client asked, and what there is to
//! see, to RESP bytes.
//!
//! An answer changes nothing but what `topology` holds for everybody (settings, logs, where counters stood).
//! What should become of the client (a name, a user, its end) is returned
//! as an [`Effect`], so that these functions know neither the engine's types nor its order of replies.
//! Texts of errors are Redis's own, since clients look for them.
//!
//! What is about clients of all workers is no answer yet but a question to them: an effect, too.
//!
//! One file a family: `hello`, `auth`, `client_cmd`, `client_others` (with `client_filter`), `command_cmd` (with
//! `command_docs` and `describe`), `info`, `config_cmd`, `slowlog_cmd`, `latency_cmd`, `memory_cmd`,
//! `sentinel_cmd`, `help`, `role`, `simple`. `refusal` has every error, `announce` where clients find a listener,
//! `glob` Redis's patterns.

mod announce;
mod auth;
mod client_cmd;
mod client_filter;
mod client_others;
mod command_cmd;
mod command_docs;
mod config_cmd;
mod describe;
pub(super) mod glob;
mod hello;
mod help;
mod info;
mod latency_cmd;
mod memory_cmd;
mod refusal;
mod role;
mod sentinel_cmd;
mod simple;
mod slowlog_cmd;

#[cfg(test)]
mod fixture;

use core::net::SocketAddr;
use core::time::Duration;

use crate::base::Time;
use crate::command::Local;
use crate::engine::clients::Mode;
use crate::engine::questions::Inquiry;
use crate::metrics::Registry;
use crate::resp::{Protocol, Span};
use crate::topology::{ListenerInfo, Paused, Pool, ProcessFacts, Topology};

use self::refusal::Refusal;

/// The version of Redis whose answers these are; clients choose what they send by it.
const REDIS_VERSION: &str = "7.0.15";

/// What an answer may look at.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) topology: &'a Topology,
    /// The pool that the client's listener belongs to.
    pub(crate) pool: &'a Pool,
    pub(crate) listener: &'a ListenerInfo,
    pub(crate) facts: &'a ProcessFacts,
    pub(crate) registry: &'a Registry,
    pub(crate) client: Client<'a>,
    pub(crate) now: Time,
    /// Since 1970.
    pub(crate) wall: Duration,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    /// Unique in the process.
    pub(crate) number: u64,
    /// Ketch's end of the connection, where it is known.
    pub(crate) local: Option<SocketAddr>,
    /// Empty where it was not told.
    pub(crate) name: &'a [u8],
    /// May send commands: it gave a password, or the pool asks for none.
    pub(crate) authenticated: bool,
    pub(crate) protocol: Protocol,
}

/// What becomes of the client. Its answer was appended, but where a variant says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    None,
    /// The answer is an error; the metric label.
    Refused(&'static str),
    /// Close it once the answer is written.
    Close,
    /// Its name from now on; empty = none.
    SetName(Vec<u8>),
    SetLibrary(Vec<u8>),
    SetLibraryVersion(Vec<u8>),
    /// It is this user of the pool from now on.
    Authenticated(String),
    /// Nothing was appended: what the workers say to this is the answer.
    Ask(Inquiry),
    /// How its replies are treated, this command's own included. Appended was OK, or nothing where none is given.
    Replies(Mode),
    NoEvict(bool),
    NoTouch(bool),
    /// Its pool is paused; nothing was appended, OK follows once all workers know.
    Pause(Paused),
    Unpause,
    /// All from one HELLO; what is `None` stays as it is.
    Greeted {
        protocol: Protocol,
        user: Option<String>,
        name: Option<Vec<u8>>,
    },
    /// Its database from now on.
    Selected(u32),
    /// It is as one that has just connected.
    Reset,
}

/// A request's arguments, the command's name first.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    request: &'a [u8],
    spans: &'a [Span],
}

type Answer<'a> = Result<Effect, Refusal<'a>>;

impl<'a> Args<'a> {
    pub(crate) fn new(request: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { request, spans }
    }

    fn len(self) -> usize {
        self.spans.len()
    }

    /// Empty where there is no such argument.
    fn get(self, index: usize) -> &'a [u8] {
        self.spans.get(index).map_or(&[], |span| span.of(self.request))
    }

    fn is(self, index: usize, word: &str) -> bool {
        self.get(index).eq_ignore_ascii_case(word.as_bytes())
    }

    fn from(self, index: usize) -> Args<'a> {
        Args { request: self.request, spans: self.spans.get(index..).unwrap_or_default() }
    }

    fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| span.of(self.request))
    }
}

/// Answers a request whose row says `local`, appending one reply to `out`. Its number of arguments fits
/// its arity, and the client may send this command (checked by the caller, NOAUTH included).
pub(crate) fn answer(local: Local, cx: &Context<'_>, args: Args<'_>, out: &mut Vec<u8>) -> Effect {
    let start = out.len();
    choose(local, cx, args, out).unwrap_or_else(|refusal| {
        out.truncate(start);
        refusal.write(out);
        Effect::Refused(refusal.label())
    })
}

fn choose<'a>(local: Local, cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    match local {
        Local::Ping => simple::ping(args, out),
        Local::Echo => simple::echo(args, out),
        Local::Quit => simple::quit(out),
        Local::Select => simple::select(cx, args, out),
        Local::Reset => simple::reset(out),
        Local::Lolwut => simple::lolwut(cx, args, out),
        Local::Time => simple::time(cx, out),
        Local::NoCluster => Err(Refusal::NoCluster),
        Local::Auth => auth::auth(cx, args, out),
        Local::Hello => hello::hello(cx, args, out),
        Local::ClientSetname => client_cmd::setname(args, out),
        Local::ClientGetname => client_cmd::getname(cx, out),
        Local::ClientSetinfo => client_cmd::setinfo(args, out),
        Local::ClientId => client_cmd::id(cx, out),
        Local::ClientInfo => client_others::info(cx),
        Local::ClientReply => client_cmd::reply(args, out),
        Local::ClientNoEvict => client_cmd::no_evict(args, out),
        Local::ClientNoTouch => client_cmd::no_touch(args, out),
        Local::ClientGetredir => client_cmd::getredir(out),
        Local::ClientList => client_others::list(cx, args),
        Local::ClientKill => client_others::kill(cx, args),
        Local::ClientUnblock => client_others::unblock(cx, args),
        Local::ClientPause => client_others::pause(cx, args),
        Local::ClientUnpause => client_others::unpause(out),
        Local::Command => command_cmd::all(cx, out),
        Local::CommandCount => command_cmd::count(out),
        Local::CommandInfo => command_cmd::info(cx, args, out),
        Local::CommandList => command_cmd::list(args, out),
        Local::CommandGetkeys => command_cmd::getkeys(args, out),
        Local::CommandGetkeysandflags => command_cmd::getkeysandflags(cx, args, out),
        Local::CommandDocs => command_docs::docs(cx, args, out),
        Local::Help => help::help(args, out),
        Local::Info => info::info(cx, args, out),
        Local::ConfigGet => config_cmd::get(cx, args, out),
        Local::Role => role::role(cx, out),
        Local::ConfigSet => config_cmd::set(cx, args, out),
        Local::ConfigResetstat => config_cmd::resetstat(cx, out),
        Local::SlowlogGet => slowlog_cmd::get(cx, args, out),
        Local::SlowlogLen => slowlog_cmd::len(cx, out),
        Local::SlowlogReset => slowlog_cmd::reset(cx, out),
        Local::CommandlogGet => slowlog_cmd::command_get(cx, args, out),
        Local::CommandlogLen => slowlog_cmd::command_len(cx, args, out),
        Local::CommandlogReset => slowlog_cmd::command_reset(cx, args, out),
        Local::LatencyLatest => latency_cmd::latest(cx, out),
        Local::LatencyHistory => latency_cmd::history(cx, args, out),
        Local::LatencyReset => latency_cmd::reset(cx, args, out),
        Local::LatencyHistogram => latency_cmd::histogram(cx, out),
        Local::LatencyGraph => latency_cmd::graph(cx, args, out),
        Local::LatencyDoctor => latency_cmd::doctor(cx, out),
        Local::MemoryStats => memory_cmd::stats(cx, out),
        Local::MemoryDoctor => memory_cmd::doctor(cx, out),
        Local::MemoryMallocStats => memory_cmd::malloc_stats(out),
        Local::MemoryPurge => memory_cmd::purge(out),
        Local::SentinelAddress => sentinel_cmd::address(cx, args, out),
        Local::SentinelMasters => sentinel_cmd::masters(cx, out),
        Local::SentinelMaster => sentinel_cmd::master(cx, args, out),
        Local::SentinelReplicas => sentinel_cmd::replicas(cx, args, out),
        Local::SentinelSentinels => sentinel_cmd::sentinels(cx, args, out),
        Local::SentinelCkquorum => sentinel_cmd::ckquorum(cx, args, out),
        Local::SentinelIsMasterDown => sentinel_cmd::is_master_down(args, out),
        Local::SentinelMyid => sentinel_cmd::myid(cx, out),
    }
}

/// An integer as Redis reads one: no plus sign, no leading zeros, no "-0", nothing around it.
fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == text).then_some(number)
}

fn ok(out: &mut Vec<u8>) {
    crate::resp::simple(out, "OK");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Handling, rows};

    /// The fixture fails where that is not so.
    #[test]
    fn whatever_is_asked_gets_exactly_one_reply() {
        let fixture = fixture::Fixture::new(|_| {});
        let odd: [&[u8]; 8] =
            [b"", b"2", b"-1", b"AUTH", b"FILTERBY", b"\r\n$-1", b"[^", &[0xff, 0, b'*', b'a', b'\\']];
        for row in rows() {
            let Handling::Local(local) = row.handling else { continue };
            let name: Vec<&[u8]> = row.name.split('|').map(str::as_bytes).collect();
            for number in 0..odd.len().pow(3) {
                let mut words = name.clone();
                words.extend((0..3).map(|place| odd[number / odd.len().pow(place) % odd.len()]));
                words.truncate(name.len() + number % 4);
                if row.arity_fits(words.len()) {
                    fixture.ask_words(local, &words);
                }
            }
        }
    }

    #[test]
    fn integers_are_read_as_redis_reads_them() {
        for (text, number) in [("0", 0), ("-1", -1), ("16", 16), ("9223372036854775807", i64::MAX)] {
            assert_eq!(integer(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["", "+1", "01", "-0", " 1", "1 ", "1.0", "x", "9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
