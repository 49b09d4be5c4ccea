//! SLOWLOG, and Valkey's COMMANDLOG: requests of this pool that nodes took long for, as Ketch saw them. Of
//! Valkey's two other logs (large requests, large replies) nothing is recorded.

use crate::resp::{array, bulk, integer as number};
use crate::topology::{SlowEntry, lock};

use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, integer, ok};

/// Entries that GET returns where nobody says how many.
const SOME: usize = 10;
/// As Valkey calls its logs.
const KINDS: [&str; 3] = ["slow", "large-request", "large-reply"];

/// SLOWLOG GET [count].
pub(super) fn get<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    match args.len() {
        2 => entries(cx, SOME, out),
        3 => entries(cx, count(args.get(2))?, out),
        _ => return Err(Refusal::SubcommandSyntax { name: args.get(1), container: "SLOWLOG" }),
    }
    Ok(Effect::None)
}

pub(super) fn len<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    number(out, lock(&cx.pool.facts.slow_log).entries().len() as i64);
    Ok(Effect::None)
}

pub(super) fn reset<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    lock(&cx.pool.facts.slow_log).clear();
    ok(out);
    Ok(Effect::None)
}

/// COMMANDLOG GET count kind.
pub(super) fn command_get<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let count = count(args.get(2))?;
    entries(cx, if is_slow(args, 3)? { count } else { 0 }, out);
    Ok(Effect::None)
}

/// COMMANDLOG LEN kind.
pub(super) fn command_len<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if is_slow(args, 2)? {
        return len(cx, out);
    }
    number(out, 0);
    Ok(Effect::None)
}

/// COMMANDLOG RESET kind.
pub(super) fn command_reset<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if is_slow(args, 2)? {
        return reset(cx, out);
    }
    ok(out);
    Ok(Effect::None)
}

/// −1 means all.
fn count<'a>(text: &[u8]) -> Result<usize, Refusal<'a>> {
    match integer(text) {
        Some(-1) => Ok(usize::MAX),
        Some(count) => usize::try_from(count).map_err(|_| Refusal::LogCount),
        None => Err(Refusal::LogCount),
    }
}

fn is_slow<'a>(args: Args<'_>, place: usize) -> Result<bool, Refusal<'a>> {
    if args.is(place, KINDS[0]) {
        return Ok(true);
    }
    if KINDS[1..].iter().any(|kind| args.is(place, kind)) { Ok(false) } else { Err(Refusal::LogKind) }
}

fn entries(cx: &Context<'_>, count: usize, out: &mut Vec<u8>) {
    let log = lock(&cx.pool.facts.slow_log);
    let count = count.min(log.entries().len());
    array(out, count);
    log.entries().take(count).for_each(|one| entry(one, out));
}

fn entry(entry: &SlowEntry, out: &mut Vec<u8>) {
    array(out, 6);
    number(out, entry.id as i64);
    number(out, entry.at as i64);
    number(out, entry.took.as_micros() as i64);
    array(out, entry.args.len());
    entry.args.iter().for_each(|arg| bulk(out, arg));
    bulk(out, entry.address.as_bytes());
    bulk(out, &entry.name);
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::command::Local;
    use crate::topology::{SlowEntry, lock};

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    fn fixture() -> Fixture {
        let fixture = Fixture::new(|_| {});
        for millis in [20, 30] {
            let entry = SlowEntry {
                id: 0,
                at: 1_700_000_000,
                took: Duration::from_millis(millis),
                args: vec![b"KEYS".to_vec(), b"*".to_vec()],
                address: "10.0.0.9:50000".into(),
                name: b"app".to_vec(),
            };
            lock(&fixture.pool().facts.slow_log).note(entry, 128);
        }
        fixture
    }

    #[test]
    fn entries_come_newest_first_in_the_form_of_redis() {
        let fixture = fixture();
        let entry = |id: u32, micros: u32| {
            format!(
                "*6\r\n:{id}\r\n:1700000000\r\n:{micros}\r\n*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n$14\r\n10.0.0.9:50000\r\n\
                 $3\r\napp\r\n"
            )
        };
        let all = format!("*2\r\n{}{}", entry(1, 30_000), entry(0, 20_000));
        for (local, request, reply) in [
            (Local::SlowlogGet, "SLOWLOG GET", all.clone()),
            (Local::SlowlogGet, "SLOWLOG GET -1", all.clone()),
            (Local::SlowlogGet, "SLOWLOG GET 1", format!("*1\r\n{}", entry(1, 30_000))),
            (Local::SlowlogLen, "SLOWLOG LEN", ":2\r\n".into()),
            (Local::CommandlogGet, "COMMANDLOG GET -1 slow", all),
            (Local::CommandlogGet, "COMMANDLOG GET -1 large-reply", "*0\r\n".into()),
            (Local::CommandlogLen, "COMMANDLOG LEN SLOW", ":2\r\n".into()),
            (Local::CommandlogReset, "COMMANDLOG RESET large-request", "+OK\r\n".into()),
            (Local::CommandlogLen, "COMMANDLOG LEN slow", ":2\r\n".into()),
            (Local::SlowlogReset, "SLOWLOG RESET", "+OK\r\n".into()),
            (Local::SlowlogLen, "SLOWLOG LEN", ":0\r\n".into()),
        ] {
            fixture.check(local, request, &reply, Effect::None);
        }
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_the_servers() {
        let fixture = fixture();
        let count = "-ERR count should be greater than or equal to -1\r\n";
        for request in ["SLOWLOG GET x", "SLOWLOG GET -2"] {
            fixture.check_error(Local::SlowlogGet, request, count, "syntax");
        }
        fixture.check_error(
            Local::SlowlogGet,
            "SLOWLOG GET 1 2",
            "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n",
            "arity",
        );
        let kind = "-ERR type should be one of the following: slow, large-request, large-reply\r\n";
        fixture.check_error(Local::CommandlogLen, "COMMANDLOG LEN foo", kind, "syntax");
    }
}
