//! CLIENT about the client itself: SETNAME, GETNAME, SETINFO, ID, INFO. What is about other clients
//! (LIST, KILL, …) is asked of all workers, not here.

use crate::resp::{bulk, integer as number, null};

use super::auth::DEFAULT;
use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, ok};

/// Redis has no bound here; a name is for people, and this one is kept for each connection.
const NAME_MAX: usize = 1024;

pub(super) fn setname<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let name = name(args.get(2))?;
    ok(out);
    Ok(Effect::SetName(name))
}

/// A name that may be given to a client; an empty one takes its name away.
pub(super) fn name<'a>(name: &[u8]) -> Result<Vec<u8>, Refusal<'a>> {
    if name.len() > NAME_MAX {
        return Err(Refusal::TooLong { what: "Client names", bytes: NAME_MAX });
    }
    if printable(name) { Ok(name.to_vec()) } else { Err(Refusal::ClientName) }
}

pub(super) fn getname<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    match cx.client.name {
        b"" => null(out, cx.client.protocol),
        name => bulk(out, name),
    }
    Ok(Effect::None)
}

/// CLIENT SETINFO lib-name|lib-ver value.
pub(super) fn setinfo<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let (attribute, value) = (args.get(2), args.get(3));
    let effect: fn(Vec<u8>) -> Effect = if args.is(2, "lib-name") {
        Effect::SetLibrary
    } else if args.is(2, "lib-ver") {
        Effect::SetLibraryVersion
    } else {
        return Err(Refusal::ClientOption(attribute));
    };
    if value.len() > NAME_MAX {
        return Err(Refusal::TooLong { what: "Client attributes", bytes: NAME_MAX });
    }
    if !printable(value) {
        return Err(Refusal::ClientAttribute(attribute));
    }
    ok(out);
    Ok(effect(value.to_vec()))
}

pub(super) fn id<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    number(out, cx.client.number as i64);
    Ok(Effect::None)
}

/// One line of CLIENT LIST about the client itself.
pub(super) fn info<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let client = &cx.client;
    let default = String::from_utf8_lossy(DEFAULT);
    // Fields whose numbers mean memory of a server are 0: parsers want them, and Ketch has none.
    let line = format!(
        "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags=N db={} sub=0 psub=0 ssub=0 multi=-1 qbuf=0 \
         qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info \
         user={} redir=-1 resp=2 lib-name={} lib-ver={}\n",
        client.number,
        client.address,
        cx.listener.address,
        String::from_utf8_lossy(client.name),
        cx.now.since(client.opened).as_secs(),
        cx.now.since(client.last).as_secs(),
        cx.pool.config.db,
        client.user.unwrap_or(&default),
        String::from_utf8_lossy(client.lib_name),
        String::from_utf8_lossy(client.lib_version),
    );
    bulk(out, line.as_bytes());
    Ok(Effect::None)
}

/// As Redis's `validateClientAttr`: nothing that would break the lines of CLIENT LIST.
fn printable(text: &[u8]) -> bool {
    text.iter().all(|b| (b'!'..=b'~').contains(b))
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn names_are_given_and_taken() {
        let mut fixture = Fixture::new(|_| {});
        fixture.check(
            Local::ClientSetname,
            "CLIENT SETNAME worker-1",
            "+OK\r\n",
            Effect::SetName(b"worker-1".into()),
        );
        fixture.check_words(
            Local::ClientSetname,
            &[b"CLIENT", b"SETNAME", b""],
            "+OK\r\n",
            Effect::SetName(vec![]),
        );
        fixture.check(Local::ClientGetname, "CLIENT GETNAME", "$-1\r\n", Effect::None);
        fixture.name = b"worker-1".into();
        fixture.check(Local::ClientGetname, "CLIENT GETNAME", "$8\r\nworker-1\r\n", Effect::None);
    }

    #[test]
    fn names_that_would_break_a_line_are_refused() {
        let fixture = Fixture::new(|_| {});
        let text = "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";
        for name in ["a b", "a\nb", "a\u{7f}", "\u{e9}"] {
            let words: [&[u8]; 3] = [b"CLIENT", b"SETNAME", name.as_bytes()];
            fixture.check_words(Local::ClientSetname, &words, text, Effect::Refused("syntax"));
        }
        let long = format!("CLIENT SETNAME {}", "x".repeat(1025));
        fixture.check_error(
            Local::ClientSetname,
            &long,
            "-ERR Client names cannot be longer than 1024",
            "syntax",
        );
    }

    #[test]
    fn libraries_say_who_they_are() {
        let fixture = Fixture::new(|_| {});
        let check = |request: &str, effect| fixture.check(Local::ClientSetinfo, request, "+OK\r\n", effect);
        check("CLIENT SETINFO LIB-NAME redis-py", Effect::SetLibrary(b"redis-py".into()));
        check("CLIENT SETINFO lib-ver 5.0.1", Effect::SetLibraryVersion(b"5.0.1".into()));
        fixture.check_error(
            Local::ClientSetinfo,
            "CLIENT SETINFO color blue",
            "-ERR Unrecognized option 'color'\r\n",
            "syntax",
        );
        let words: [&[u8]; 4] = [b"CLIENT", b"SETINFO", b"lib-name", b"a b"];
        let text = "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n";
        fixture.check_words(Local::ClientSetinfo, &words, text, Effect::Refused("syntax"));
    }

    #[test]
    fn a_client_sees_itself() {
        let mut fixture = Fixture::new(|config| config.db = 3);
        fixture.name = b"n".into();
        fixture.check(Local::ClientId, "CLIENT ID", ":7\r\n", Effect::None);
        let (text, _) = fixture.ask(Local::ClientInfo, "CLIENT INFO");
        let line = text.split("\r\n").nth(1).unwrap();
        assert!(
            line.starts_with("id=7 addr=10.0.0.9:50000 laddr=127.0.0.1:6380 fd=-1 name=n age=50 idle=10 "),
            "{line}"
        );
        for part in [" db=3 ", " user=default ", " resp=2 ", " lib-name=lib ", " lib-ver=1.2\n"] {
            assert!(line.contains(part), "{part} {line}");
        }
    }
}
