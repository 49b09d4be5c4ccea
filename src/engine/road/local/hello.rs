//! HELLO [protocol [AUTH user password] [SETNAME name]].

use crate::config::Route;
use crate::resp::{Protocol, array, bulk, integer as number, map};

use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, REDIS_VERSION, auth, client_cmd, integer};

/// Nothing is changed unless all of it succeeds.
pub(super) fn hello<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let protocol = match integer(args.get(1)) {
        _ if args.len() == 1 => cx.client.protocol,
        None => return Err(Refusal::ProtocolNotANumber),
        Some(2) => Protocol::Resp2,
        Some(3) => Protocol::Resp3,
        Some(_) => return Err(Refusal::Protocol),
    };
    let (user, name) = options(cx, args)?;
    if user.is_none() && !cx.client.authenticated {
        return Err(Refusal::HelloFirst);
    }
    greeting(cx, protocol, out);
    Ok(Effect::Greeted { protocol, user, name })
}

type Options = (Option<String>, Option<Vec<u8>>);

fn options<'a>(cx: &Context<'_>, args: Args<'a>) -> Result<Options, Refusal<'a>> {
    let (mut user, mut name, mut at) = (None, None, 2);
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "AUTH") && behind >= 2 {
            user = Some(auth::check(&cx.pool.config.users, args.get(at + 1), args.get(at + 2))?);
            at += 3;
        } else if args.is(at, "SETNAME") && behind >= 1 {
            name = Some(client_cmd::name(args.get(at + 1))?);
            at += 2;
        } else {
            return Err(Refusal::HelloOption(args.get(at)));
        }
    }
    Ok((user, name))
}

/// In the version that was agreed on.
fn greeting(cx: &Context<'_>, protocol: Protocol, out: &mut Vec<u8>) {
    map(out, protocol, 7);
    bulk(out, b"server");
    bulk(out, b"redis");
    bulk(out, b"version");
    bulk(out, REDIS_VERSION.as_bytes());
    bulk(out, b"proto");
    number(out, i64::from(protocol.number()));
    bulk(out, b"id");
    number(out, cx.client.number as i64);
    bulk(out, b"mode");
    bulk(out, b"standalone");
    bulk(out, b"role");
    bulk(out, if cx.listener.route == Route::Replica { b"replica" } else { b"master" });
    bulk(out, b"modules");
    array(out, 0);
}

#[cfg(test)]
mod tests {
    use crate::base::Secret;
    use crate::command::Local;
    use crate::config::{Route, User};
    use crate::resp::Protocol;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    fn greeting(role: &str) -> String {
        format!(
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n\
             $4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n${}\r\n{role}\r\n$7\r\nmodules\r\n*0\r\n",
            role.len()
        )
    }

    fn greeted(protocol: Protocol, user: Option<&str>, name: Option<&str>) -> Effect {
        let (user, name) = (user.map(str::to_owned), name.map(|name| name.as_bytes().to_vec()));
        Effect::Greeted { protocol, user, name }
    }

    #[test]
    fn hello_says_what_is_spoken_here() {
        let mut fixture = Fixture::new(|_| {});
        for request in ["HELLO", "HELLO 2", "hello 2"] {
            fixture.check(Local::Hello, request, &greeting("master"), greeted(Protocol::Resp2, None, None));
        }
        fixture.route(Route::Replica);
        fixture.check(Local::Hello, "HELLO 2", &greeting("replica"), greeted(Protocol::Resp2, None, None));
    }

    #[test]
    fn hello_3_is_answered_in_resp3_and_hello_alone_changes_nothing() {
        let mut fixture = Fixture::new(|_| {});
        let resp3 = greeting("master").replace("*14", "%7").replace(":2", ":3");
        fixture.check(Local::Hello, "HELLO 3", &resp3, greeted(Protocol::Resp3, None, None));
        fixture.protocol = Protocol::Resp3;
        fixture.check(Local::Hello, "HELLO", &resp3, greeted(Protocol::Resp3, None, None));
        fixture.check(Local::Hello, "HELLO 2", &greeting("master"), greeted(Protocol::Resp2, None, None));
    }

    #[test]
    fn hello_names_and_authenticates() {
        let mut fixture = Fixture::new(|config| {
            config.users = vec![User { name: "app".into(), password: Secret::new("pw") }];
        });
        fixture.authenticated = false;
        let greeted = |user, name| greeted(Protocol::Resp2, user, name);
        fixture.check(Local::Hello, "HELLO 2 AUTH app pw", &greeting("master"), greeted(Some("app"), None));
        let request = "HELLO 2 setname n auth app pw";
        fixture.check(Local::Hello, request, &greeting("master"), greeted(Some("app"), Some("n")));
        fixture.check_error(Local::Hello, "HELLO 2 AUTH app no", "-WRONGPASS ", "WRONGPASS");
        for request in ["HELLO", "HELLO 2", "HELLO 2 SETNAME x"] {
            fixture.check_error(Local::Hello, request, "-NOAUTH HELLO must be called with", "NOAUTH");
        }
        fixture.authenticated = true;
        fixture.check(Local::Hello, "HELLO 2 SETNAME x", &greeting("master"), greeted(None, Some("x")));
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_redis() {
        let fixture = Fixture::new(|_| {});
        for (request, text, label) in [
            ("HELLO 4", "-NOPROTO unsupported protocol version\r\n", "NOPROTO"),
            ("HELLO 1", "-NOPROTO unsupported protocol version\r\n", "NOPROTO"),
            ("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n", "syntax"),
            ("HELLO 2 foo", "-ERR Syntax error in HELLO option 'foo'\r\n", "syntax"),
            ("HELLO 2 AUTH a", "-ERR Syntax error in HELLO option 'AUTH'\r\n", "syntax"),
            ("HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n", "syntax"),
            ("HELLO 2 SETNAME a b", "-ERR Syntax error in HELLO option 'b'\r\n", "syntax"),
            ("HELLO 2 SETNAME a\u{1}", "-ERR Client names cannot contain spaces, ", "syntax"),
        ] {
            fixture.check_error(Local::Hello, request, text, label);
        }
    }
}
