//! COMMAND, COUNT, INFO, LIST, GETKEYS, GETKEYSANDFLAGS: what the command table knows, told as Redis
//! tells it. Commands of Sentinels are in the table, but no Redis has them, so they are not listed.

use crate::command::{
    Flags, Found, KeyFlags, Known, Row, find, find_name, keys, keys_and_flags, rows, subcommands,
};
use crate::resp::{array, bulk, integer as number, null};

use super::describe::{describe, words};
use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, glob};

/// The rows that COMMAND lists, subcommands left out.
pub(super) fn listed() -> impl Iterator<Item = &'static Row> {
    rows().iter().filter(|row| row.known != Known::Sentinel && row.container().is_none())
}

pub(super) fn all<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    array(out, listed().count());
    listed().for_each(|row| describe(out, cx.client.protocol, row));
    Ok(Effect::None)
}

pub(super) fn count<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    number(out, listed().count() as i64);
    Ok(Effect::None)
}

/// COMMAND INFO [name …]: nil for a name that there is not.
pub(super) fn info<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if args.len() == 2 {
        return all(cx, out);
    }
    let protocol = cx.client.protocol;
    let names = args.from(2);
    array(out, names.len());
    for name in names.iter() {
        match find_name(name).filter(|row| row.known != Known::Sentinel) {
            Some(row) => describe(out, protocol, row),
            None => null(out, protocol),
        }
    }
    Ok(Effect::None)
}

/// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern].
pub(super) fn list<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let with_subcommands = || listed().flat_map(|row| core::iter::once(row).chain(subcommands(row)));
    let value = args.get(4);
    let names: Vec<&str> = match args.len() {
        2 => with_subcommands().map(|row| row.name).collect(),
        5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => Vec::new(),
        5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => {
            with_subcommands().filter(|row| is_in(row, value)).map(|row| row.name).collect()
        }
        5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => with_subcommands()
            .filter(|row| glob::matches(value, row.name.as_bytes()))
            .map(|row| row.name)
            .collect(),
        _ => return Err(Refusal::Syntax),
    };
    array(out, names.len());
    names.iter().for_each(|name| bulk(out, name.as_bytes()));
    Ok(Effect::None)
}

fn is_in(row: &Row, category: &[u8]) -> bool {
    row.categories().any(|name| name.as_bytes()[1..].eq_ignore_ascii_case(category))
}

pub(super) fn getkeys<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let request = args.from(2);
    let row = command_with_keys(request)?;
    let mut places = Vec::new();
    found(row, keys(row, request.request, request.spans, &mut places).is_ok(), &mut places)?;
    array(out, places.len());
    places.iter().for_each(|&place| bulk(out, request.get(place as usize)));
    Ok(Effect::None)
}

pub(super) fn getkeysandflags<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let request = args.from(2);
    let row = command_with_keys(request)?;
    let mut places: Vec<(u32, KeyFlags)> = Vec::new();
    found(row, keys_and_flags(row, request.request, request.spans, &mut places).is_ok(), &mut places)?;
    array(out, places.len());
    for (place, flags) in places {
        array(out, 2);
        bulk(out, request.get(place as usize));
        words(out, cx.client.protocol, flags.names());
    }
    Ok(Effect::None)
}

fn command_with_keys<'a>(request: Args<'_>) -> Result<&'static Row, Refusal<'a>> {
    let row = match find(request.request, request.spans) {
        Found::Row(row) | Found::MissingSubcommand(row) => row,
        Found::Unknown | Found::UnknownSubcommand(_) => return Err(Refusal::UnknownCommand),
    };
    if row.keys.iter().all(|spec| spec.flags.contains(KeyFlags::NOT_KEY)) {
        return Err(Refusal::NoKeyArguments);
    }
    if !row.arity_fits(request.len()) {
        return Err(Refusal::WrongNumberForCommand);
    }
    Ok(row)
}

/// Where no key was found: fine for commands that may have none, a mistake for the others. So a script
/// whose number of keys makes no sense has an empty list of keys here, and its error when it is run, on
/// redis-server 7.0.15 and valkey-server 9.1.2 too.
fn found<'a, T>(row: &Row, understood: bool, places: &mut Vec<T>) -> Result<(), Refusal<'a>> {
    if !understood {
        places.clear();
    }
    if places.is_empty() && !row.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(Refusal::BadArgumentsForCommand);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use super::listed;
    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    /// As redis-server 7.0.15 answers.
    const GET: &str = "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@string\r\n+@read\r\n\
        +@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n\
        $5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n\
        $4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n";

    #[test]
    fn a_command_is_described_as_redis_does() {
        let fixture = Fixture::new(|_| {});
        let reply = format!("*2\r\n{GET}$-1\r\n");
        fixture.check(Local::CommandInfo, "COMMAND INFO GET nosuch", &reply, Effect::None);
        let (text, _) = fixture.ask(Local::CommandInfo, "COMMAND INFO config|get eval");
        assert!(text.starts_with("*2\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n"), "{text}");
        assert!(text.contains(
            "$6\r\nkeynum\r\n$4\r\nspec\r\n*6\r\n$9\r\nkeynumidx\r\n:0\r\n$8\r\nfirstkey\r\n:1\r\n"
        ));
        let (text, _) = fixture.ask(Local::CommandInfo, "COMMAND INFO xread");
        assert!(text.contains(
            "$7\r\nkeyword\r\n$4\r\nspec\r\n*4\r\n$7\r\nkeyword\r\n$7\r\nSTREAMS\r\n$9\r\nstartfrom\r\n"
        ));
    }

    #[test]
    fn all_are_counted_listed_and_described() {
        let fixture = Fixture::new(|_| {});
        let n = listed().count();
        fixture.check(Local::CommandCount, "COMMAND COUNT", &format!(":{n}\r\n"), Effect::None);
        for (local, request) in [(Local::Command, "COMMAND"), (Local::CommandInfo, "COMMAND INFO")] {
            let (text, _) = fixture.ask(local, request);
            assert!(text.starts_with(&format!("*{n}\r\n")), "{request}");
            assert!(text.contains("$3\r\nget\r\n") && !text.contains("\r\nsentinel\r\n"), "{request}");
        }
        let (names, _) = fixture.ask(Local::CommandList, "COMMAND LIST");
        assert!(names.contains("$3\r\nget\r\n") && names.contains("$10\r\nconfig|get\r\n"), "{names}");
    }

    #[test]
    fn lists_are_filtered() {
        let fixture = Fixture::new(|_| {});
        let check =
            |request: &str, reply: &str| fixture.check(Local::CommandList, request, reply, Effect::None);
        check("COMMAND LIST FILTERBY PATTERN CONFIG|G*", "*1\r\n$10\r\nconfig|get\r\n");
        check("COMMAND LIST filterby pattern ge[st]", "*1\r\n$3\r\nget\r\n");
        check("COMMAND LIST FILTERBY MODULE x", "*0\r\n");
        check("COMMAND LIST FILTERBY ACLCAT nosuch", "*0\r\n");
        let (text, _) = fixture.ask(Local::CommandList, "COMMAND LIST FILTERBY ACLCAT HyperLogLog");
        assert!(text.contains("$5\r\npfadd\r\n"), "{text}");
        for request in ["FOO", "FILTERBY", "FILTERBY PATTERN", "FILTERBY FOO x", "FOO PATTERN x"] {
            let request = format!("COMMAND LIST {request}");
            fixture.check_error(Local::CommandList, &request, "-ERR syntax error\r\n", "syntax");
        }
    }

    #[test]
    fn keys_are_found() {
        let fixture = Fixture::new(|_| {});
        for (request, reply) in [
            ("get a", "*1\r\n$1\r\na\r\n"),
            ("mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            ("xread count 1 streams a b 0 0", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            ("eval x 0", "*0\r\n"),
            ("eval x 3 a", "*0\r\n"),
            ("fcall x y a", "*0\r\n"),
        ] {
            fixture.check(Local::CommandGetkeys, &format!("COMMAND GETKEYS {request}"), reply, Effect::None);
        }
        for (request, reply) in [
            ("set a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
            (
                "lmove a b left right",
                "*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n*2\r\n$1\r\nb\r\n*2\r\n+RW\r\n+insert\r\n",
            ),
        ] {
            let request = format!("COMMAND GETKEYSANDFLAGS {request}");
            fixture.check(Local::CommandGetkeysandflags, &request, reply, Effect::None);
        }
    }

    #[test]
    fn where_there_are_no_keys_redis_s_words_say_why() {
        let fixture = Fixture::new(|_| {});
        for (request, text) in [
            ("nosuch a", "-ERR Invalid command specified\r\n"),
            ("memory foo a", "-ERR Invalid command specified\r\n"),
            ("ping a", "-ERR The command has no key arguments\r\n"),
            ("config", "-ERR The command has no key arguments\r\n"),
            ("config get", "-ERR The command has no key arguments\r\n"),
            ("get", "-ERR Invalid number of arguments specified for command\r\n"),
            ("xread streams a", "-ERR Invalid number of arguments specified for command\r\n"),
            ("zunion x a b", "-ERR Invalid arguments specified for command\r\n"),
            ("zunion 0 a b", "-ERR Invalid arguments specified for command\r\n"),
            ("sintercard 3 a b", "-ERR Invalid arguments specified for command\r\n"),
            ("lmpop 0 a left", "-ERR Invalid arguments specified for command\r\n"),
            ("msetex 0 a 1", "-ERR Invalid arguments specified for command\r\n"),
            ("xread count 3 a", "-ERR Invalid arguments specified for command\r\n"),
            ("xread count 1 streams", "-ERR Invalid arguments specified for command\r\n"),
        ] {
            fixture.check_error(
                Local::CommandGetkeys,
                &format!("COMMAND GETKEYS {request}"),
                text,
                "getkeys",
            );
            let request = format!("COMMAND GETKEYSANDFLAGS {request}");
            fixture.check_error(Local::CommandGetkeysandflags, &request, text, "getkeys");
        }
    }
}
