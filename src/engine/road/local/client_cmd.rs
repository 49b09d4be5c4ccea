//! CLIENT about the client itself: SETNAME, GETNAME, SETINFO, ID, REPLY, NO-EVICT, NO-TOUCH, GETREDIR. What is
//! about other clients too (LIST, KILL, …) is asked of all workers, and stands in `client_others`.

use crate::engine::clients::Mode;
use crate::resp::{bulk, integer as number, null};

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

/// CLIENT REPLY ON|OFF|SKIP. Only ON is answered.
pub(super) fn reply<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let mode = match () {
        () if args.is(2, "on") => Mode::On,
        () if args.is(2, "off") => Mode::Off,
        () if args.is(2, "skip") => Mode::Skip,
        () => return Err(Refusal::Syntax),
    };
    if mode == Mode::On {
        ok(out);
    }
    Ok(Effect::Replies(mode))
}

/// Ketch evicts no clients, and asks nodes not to evict its own connections: the wish is noted and shown.
pub(super) fn no_evict<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let on = on_or_off(args)?;
    ok(out);
    Ok(Effect::NoEvict(on))
}

/// Noted and shown. Nodes count uses of keys by connection, and those are shared: it changes nothing there.
pub(super) fn no_touch<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let on = on_or_off(args)?;
    ok(out);
    Ok(Effect::NoTouch(on))
}

fn on_or_off<'a>(args: Args<'_>) -> Result<bool, Refusal<'a>> {
    match () {
        () if args.is(2, "on") => Ok(true),
        () if args.is(2, "off") => Ok(false),
        () => Err(Refusal::Syntax),
    }
}

/// To which client invalidations go: to none, while keys are not tracked.
pub(super) fn getredir<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    number(out, -1);
    Ok(Effect::None)
}

/// As Redis's `validateClientAttr`: nothing that would break the lines of CLIENT LIST.
fn printable(text: &[u8]) -> bool {
    text.iter().all(|b| (b'!'..=b'~').contains(b))
}

#[cfg(test)]
mod tests {
    use crate::command::Local;
    use crate::engine::clients::Mode;

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
    fn a_client_says_what_it_wants_to_hear() {
        let fixture = Fixture::new(|_| {});
        let check = |request: &str, reply: &str, mode| {
            fixture.check(Local::ClientReply, request, reply, Effect::Replies(mode));
        };
        check("CLIENT REPLY ON", "+OK\r\n", Mode::On);
        check("CLIENT REPLY off", "", Mode::Off);
        check("client reply skip", "", Mode::Skip);
        fixture.check_error(Local::ClientReply, "CLIENT REPLY maybe", "-ERR syntax error\r\n", "syntax");
    }

    #[test]
    fn wishes_are_noted() {
        let fixture = Fixture::new(|_| {});
        let check = |local, request: &str, effect| fixture.check(local, request, "+OK\r\n", effect);
        check(Local::ClientNoEvict, "CLIENT NO-EVICT on", Effect::NoEvict(true));
        check(Local::ClientNoEvict, "CLIENT NO-EVICT OFF", Effect::NoEvict(false));
        check(Local::ClientNoTouch, "CLIENT NO-TOUCH ON", Effect::NoTouch(true));
        fixture.check_error(Local::ClientNoEvict, "CLIENT NO-EVICT x", "-ERR syntax error\r\n", "syntax");
        fixture.check(Local::ClientGetredir, "CLIENT GETREDIR", ":-1\r\n", Effect::None);
        fixture.check(Local::ClientId, "CLIENT ID", ":7\r\n", Effect::None);
    }
}
