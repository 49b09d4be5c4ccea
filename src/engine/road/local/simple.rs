//! Answers of one line: PING, ECHO, QUIT, SELECT, TIME, LOLWUT.

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

/// Connections to nodes are shared and stay in the pool's database, so a client may select that one.
pub(super) fn select<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let db = integer(args.get(1)).and_then(|db| i32::try_from(db).ok()).ok_or(Refusal::NotANumber)?;
    let db = u32::try_from(db).map_err(|_| Refusal::BadDatabase)?;
    if db != cx.pool.config.db {
        return Err(Refusal::OtherDatabase(cx.pool.config.db));
    }
    ok(out);
    Ok(Effect::None)
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
    fn the_pool_s_database_can_be_selected_and_no_other() {
        let fixture = Fixture::new(|config| config.db = 2);
        fixture.check(Local::Select, "SELECT 2", "+OK\r\n", Effect::None);
        for (request, text, label) in [
            ("SELECT 0", "-ERR DB index is out of range: this pool serves database 2 only", "database"),
            ("SELECT -1", "-ERR DB index is out of range\r\n", "database"),
            ("SELECT x", "-ERR value is not an integer or out of range\r\n", "syntax"),
            ("SELECT 99999999999", "-ERR value is not an integer or out of range\r\n", "syntax"),
        ] {
            fixture.check_error(Local::Select, request, text, label);
        }
    }
}
