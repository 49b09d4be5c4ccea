//! Answers of one line: PING, ECHO, QUIT, SELECT, RESET, TIME, LOLWUT.

use crate::engine::profile::Profile;
use crate::resp::{array, bulk, simple, verbatim};

use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, integer, ok};

pub(super) fn ping<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    match args.len() {
        1 => simple(out, "PONG"),
        2 => bulk(out, args.get(1)),
        _ => return Err(Refusal::WrongNumber("ping")),
    }
    Ok(Effect::None)
}

pub(super) fn echo<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    bulk(out, args.get(1));
    Ok(Effect::None)
}

pub(super) fn quit<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    ok(out);
    Ok(Effect::Close)
}

/// What the nodes have can be selected. While that is not known (they may not tell), one that they don't
/// have is refused by them when the first request comes.
pub(super) fn select<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let db = integer(args.get(1)).ok_or(Refusal::NotANumber)?;
    let db = i32::try_from(db).map_err(|_| Refusal::NotAnInt)?;
    let db = u32::try_from(db).map_err(|_| Refusal::BadDatabase)?;
    if db >= databases(cx).unwrap_or(Profile::DATABASES).min(Profile::DATABASES) {
        return Err(Refusal::BadDatabase);
    }
    ok(out);
    Ok(Effect::Selected(db))
}

/// How many databases every shard has, as far as their primaries have told.
pub(super) fn databases(cx: &Context<'_>) -> Option<u32> {
    let primaries = cx.pool.shards.iter().filter_map(|shard| cx.pool.node(shard.primary?));
    primaries.filter_map(|node| node.facts.databases()).min()
}

pub(super) fn reset<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    simple(out, "RESET");
    Ok(Effect::Reset)
}

/// Seconds since 1970, and microseconds within the second.
pub(super) fn time<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let mut digits = itoa::Buffer::new();
    array(out, 2);
    bulk(out, digits.format(cx.wall.as_secs()).as_bytes());
    bulk(out, digits.format(cx.wall.subsec_micros()).as_bytes());
    Ok(Effect::None)
}

const BOAT: &str = "      |\\\n  |\\  | \\\n  | \\ |  \\\n  |__\\|___\\\n__|___|______\n\\__________/\n";

/// LOLWUT [VERSION version [argument …]]: the same boat for every version.
pub(super) fn lolwut<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if args.len() > 2 && args.is(1, "VERSION") && integer(args.get(2)).is_none() {
        return Err(Refusal::NotANumber);
    }
    let text = format!("{BOAT}Ketch ver. {}\n", env!("CARGO_PKG_VERSION"));
    verbatim(out, cx.client.protocol, text.as_bytes());
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn short_questions_get_short_answers() {
        let fixture = Fixture::new(|_| {});
        for (local, request, reply, effect) in [
            (Local::Ping, "PING", "+PONG\r\n", Effect::None),
            (Local::Ping, "PING hi", "$2\r\nhi\r\n", Effect::None),
            (Local::Echo, "ECHO hi", "$2\r\nhi\r\n", Effect::None),
            (Local::Quit, "QUIT", "+OK\r\n", Effect::Close),
            (Local::Reset, "RESET", "+RESET\r\n", Effect::Reset),
            (Local::Time, "TIME", "*2\r\n$10\r\n1700000000\r\n$4\r\n2500\r\n", Effect::None),
        ] {
            fixture.check(local, request, reply, effect);
        }
        let text = "-ERR wrong number of arguments for 'ping' command\r\n";
        fixture.check_error(Local::Ping, "PING a b", text, "arity");
        fixture.check_error(
            Local::NoCluster,
            "READONLY",
            "-ERR This instance has cluster support",
            "no_cluster",
        );
        for request in ["LOLWUT", "LOLWUT VERSION 5 1 1 1", "LOLWUT VERSION", "LOLWUT 5"] {
            assert!(fixture.ask(Local::Lolwut, request).0.contains("Ketch ver. "), "{request}");
        }
        let text = "-ERR value is not an integer or out of range\r\n";
        fixture.check_error(Local::Lolwut, "LOLWUT VERSION x", text, "syntax");
    }

    #[test]
    fn what_the_nodes_have_can_be_selected() {
        let fixture = Fixture::new(|config| config.db = 2);
        let check = |request: &str, db| {
            fixture.check(Local::Select, request, "+OK\r\n", Effect::Selected(db));
        };
        check("SELECT 0", 0);
        // Nobody has told how many there are.
        check("SELECT 4000", 4000);
        fixture.databases(&[32, 16]);
        check("SELECT 15", 15);
        let range = "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
        for (request, text, label) in [
            ("SELECT 16", "-ERR DB index is out of range\r\n", "database"),
            ("SELECT -1", "-ERR DB index is out of range\r\n", "database"),
            ("SELECT x", "-ERR value is not an integer or out of range\r\n", "syntax"),
            ("SELECT 01", "-ERR value is not an integer or out of range\r\n", "syntax"),
            ("SELECT 4294967295", range, "syntax"),
        ] {
            fixture.check_error(Local::Select, request, text, label);
        }
    }
}
