//! Which clients CLIENT LIST and CLIENT KILL are about, as their arguments say it: Redis 7.0's filters in its
//! words, and those that Valkey added since.

use crate::exchange::{ClientFilter, ClientKind, Condition, Trait};

use super::auth::DEFAULT;
use super::refusal::Refusal;
use super::{Args, Context, integer};

/// The letters that CLIENT LIST may show, and nothing besides.
const FLAGS: &[u8] = b"AbBcdeIMNOPrRStTuUx";

/// For which command the filters are: their mistakes are worded differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    List,
    /// SKIPME is known, and yes unless it says no.
    Kill,
}

/// All arguments from the third one on.
pub(super) fn read<'a>(cx: &Context<'_>, args: Args<'a>, form: Form) -> Result<ClientFilter, Refusal<'a>> {
    let mut filter = ClientFilter::default();
    filter.but = (form == Form::Kill).then_some(cx.client.number);
    let mut at = 2;
    while at < args.len() {
        // Each has a value.
        if at + 1 == args.len() {
            return Err(Refusal::Syntax);
        }
        if args.is(at, "id") {
            let (numbers, read) = numbers(cx, args.from(at + 1), form)?;
            filter.add(Condition { not: false, of: Trait::Number(numbers) });
            at += 1 + read;
            continue;
        }
        if form == Form::Kill && args.is(at, "skipme") {
            filter.but = skip_me(args, at + 1)?.then_some(cx.client.number);
        } else {
            filter.add(condition(cx, args.get(at), args.get(at + 1), form)?);
        }
        at += 2;
    }
    Ok(filter)
}

fn skip_me<'a>(args: Args<'a>, at: usize) -> Result<bool, Refusal<'a>> {
    match () {
        () if args.is(at, "yes") => Ok(true),
        () if args.is(at, "no") => Ok(false),
        () => Err(Refusal::Syntax),
    }
}

/// One or more numbers, up to the next filter.
fn numbers<'a>(cx: &Context<'_>, args: Args<'a>, form: Form) -> Result<(Vec<u64>, usize), Refusal<'a>> {
    let (mut numbers, mut read) = (Vec::new(), 0);
    for word in args.iter() {
        match number(word, form) {
            Ok(number) => numbers.push(number),
            // Something else begins here, or this was meant to be a number.
            Err(_) if read > 0 && is_filter(cx, word, form) => break,
            Err(_) if read > 0 && form == Form::Kill => return Err(Refusal::Syntax),
            Err(refusal) => return Err(refusal),
        }
        read += 1;
    }
    Ok((numbers, read))
}

fn number<'a>(word: &[u8], form: Form) -> Result<u64, Refusal<'a>> {
    let number = integer(word);
    match form {
        // A number that is nobody's finds nobody.
        Form::List => number.map(|n| u64::try_from(n).unwrap_or_default()).ok_or(Refusal::InvalidClientId),
        Form::Kill => {
            let number = number.and_then(|n| u64::try_from(n).ok());
            number.filter(|n| *n > 0).ok_or(Refusal::ClientIdNotPositive)
        }
    }
}

fn is_filter(cx: &Context<'_>, word: &[u8], form: Form) -> bool {
    let words: [&[u8]; 2] = [b"id", b"skipme"];
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
        || !matches!(condition(cx, word, b"", form), Err(Refusal::Syntax))
}

/// A filter's name, perhaps with `not-` before it, and its value.
fn condition<'a>(
    cx: &Context<'_>,
    word: &[u8],
    value: &'a [u8],
    form: Form,
) -> Result<Condition, Refusal<'a>> {
    let word = word.to_ascii_lowercase();
    let (not, name) = match word.strip_prefix(b"not-") {
        Some(name) => (true, name),
        None => (false, word.as_slice()),
    };
    let text = || value.to_vec();
    let of = match name {
        b"id" if not => Trait::Number(vec![number(value, form)?]),
        b"type" => Trait::Kind(ClientKind::from_word(value).ok_or(Refusal::UnknownClientType(value))?),
        b"addr" => Trait::Address(text()),
        b"laddr" => Trait::LocalAddress(text()),
        b"ip" => Trait::Ip(text()),
        b"user" => Trait::User(user(cx, value)?),
        b"name" => Trait::Name(text()),
        b"lib-name" => Trait::LibName(text()),
        b"lib-ver" => Trait::LibVersion(text()),
        b"flags" if value.iter().all(|flag| FLAGS.contains(flag)) => Trait::Flags(text()),
        b"flags" => return Err(Refusal::UnknownClientFlags(value)),
        b"db" => Trait::Db(database(value)?),
        b"maxage" if !not => Trait::Age(seconds(value, "maxage")?),
        b"idle" if !not => Trait::Idle(seconds(value, "idle")?),
        _ => return Err(Refusal::Syntax),
    };
    Ok(Condition { not, of })
}

fn user<'a>(cx: &Context<'_>, name: &'a [u8]) -> Result<Vec<u8>, Refusal<'a>> {
    let known = name == DEFAULT || cx.pool.config.users.iter().any(|user| user.name.as_bytes() == name);
    if known { Ok(name.to_vec()) } else { Err(Refusal::NoSuchUser(name)) }
}

fn database<'a>(value: &[u8]) -> Result<u32, Refusal<'a>> {
    integer(value).and_then(|db| u32::try_from(db).ok()).ok_or(Refusal::BadNumber("DB"))
}

fn seconds<'a>(value: &[u8], name: &'static str) -> Result<u64, Refusal<'a>> {
    let seconds = integer(value).ok_or(Refusal::BadNumber(name))?;
    u64::try_from(seconds).ok().filter(|n| *n > 0).ok_or(Refusal::NotPositive(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::command::Local;
    use crate::config::User;
    use crate::exchange::Question;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    /// What a request asks for.
    fn asked(local: Local, request: &str) -> ClientFilter {
        let (reply, effect) = Fixture::new(|_| {}).ask(local, request);
        match effect {
            Effect::Ask(inquiry) => match inquiry.question {
                Question::ListClients { filter, .. } | Question::KillClients { filter, .. } => filter,
                other => panic!("{request}: {other:?}"),
            },
            other => panic!("{request}: {reply} {other:?}"),
        }
    }

    fn filter(conditions: Vec<(bool, Trait)>) -> ClientFilter {
        let mut filter = ClientFilter::default();
        conditions.into_iter().for_each(|(not, of)| filter.add(Condition { not, of }));
        filter
    }

    #[test]
    fn each_filter_has_its_words() {
        let text = |text: &str| text.as_bytes().to_vec();
        for (words, conditions) in [
            ("ID 3 9 3", vec![(false, Trait::Number(vec![3, 9, 3]))]),
            ("ID 1 ID 2", vec![(false, Trait::Number(vec![2]))]),
            ("type Replica", vec![(false, Trait::Kind(ClientKind::Replica))]),
            ("TYPE slave", vec![(false, Trait::Kind(ClientKind::Replica))]),
            ("TYPE master", vec![(false, Trait::Kind(ClientKind::Primary))]),
            ("id 3 laddr x", vec![(false, Trait::Number(vec![3])), (false, Trait::LocalAddress(text("x")))]),
            ("USER default", vec![(false, Trait::User(text("default")))]),
            ("NOT-ID 3", vec![(true, Trait::Number(vec![3]))]),
            ("NAME a LIB-NAME b", vec![(false, Trait::Name(text("a"))), (false, Trait::LibName(text("b")))]),
            (
                "LIB-VER 1 ip ::1",
                vec![(false, Trait::LibVersion(text("1"))), (false, Trait::Ip(text("::1")))],
            ),
            ("NOT-FLAGS N DB 2", vec![(true, Trait::Flags(text("N"))), (false, Trait::Db(2))]),
            ("MAXAGE 5 IDLE 6", vec![(false, Trait::Age(5)), (false, Trait::Idle(6))]),
        ] {
            assert_eq!(asked(Local::ClientList, &format!("CLIENT LIST {words}")), filter(conditions.clone()));
            let mut kill = filter(conditions);
            kill.but = Some(7);
            assert_eq!(asked(Local::ClientKill, &format!("CLIENT KILL {words} SKIPME yes")), kill);
        }
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_redis() {
        let fixture = Fixture::new(|config| {
            config.users = vec![User { name: "app".into(), password: Secret::new("pw") }];
        });
        for (filter, list, kill) in [
            ("foo bar", "syntax error", "syntax error"),
            ("TYPE x", "Unknown client type 'x'", "Unknown client type 'x'"),
            ("ID x", "Invalid client ID", "client-id should be greater than 0"),
            ("ID 1 x", "Invalid client ID", "syntax error"),
            ("ADDR 1:1 ID", "syntax error", "syntax error"),
            ("USER nobody", "No such user 'nobody'", "No such user 'nobody'"),
            ("SKIPME perhaps", "syntax error", "syntax error"),
            (
                "MAXAGE x",
                "maxage is not an integer or out of range",
                "maxage is not an integer or out of range",
            ),
            ("IDLE 0", "idle should be greater than 0", "idle should be greater than 0"),
            ("DB -1", "DB is not an integer or out of range", "DB is not an integer or out of range"),
            (
                "FLAGS z",
                "Unknown flags found in the provided filter: z",
                "Unknown flags found in the provided filter: z",
            ),
        ] {
            let check = |local, request: &str, text| {
                fixture.check_error(local, request, &format!("-ERR {text}\r\n"), "syntax");
            };
            check(Local::ClientList, &format!("CLIENT LIST {filter}"), list);
            check(Local::ClientKill, &format!("CLIENT KILL {filter}"), kill);
        }
        fixture.check_error(Local::ClientList, "CLIENT LIST foo", "-ERR syntax error\r\n", "syntax");
        fixture.check_error(Local::ClientKill, "CLIENT KILL ID 0", "-ERR client-id should be", "syntax");
        assert!(matches!(fixture.ask(Local::ClientList, "CLIENT LIST USER app").1, Effect::Ask(_)));
    }
}
