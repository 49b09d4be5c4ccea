//! CLIENT about clients of all workers: LIST, INFO (the same line), KILL, UNBLOCK, PAUSE, UNPAUSE. Nothing is
//! answered here but mistakes: the rest is a question to the workers, and their answers become the reply.

use core::time::Duration;

use crate::engine::questions::{Inquiry, Say, Whom};
use crate::exchange::{ClientFilter, Condition, Question, Trait};
use crate::topology::Paused;

use super::client_filter::{self, Form};
use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, integer, ok};

/// CLIENT LIST [TYPE type] [ID id ...], and Valkey's further filters.
pub(super) fn list<'a>(cx: &Context<'_>, args: Args<'a>) -> Answer<'a> {
    let filter = client_filter::read(cx, args, Form::List)?;
    let question = Question::ListClients { pool: cx.pool.id, filter };
    Ok(Effect::Ask(Inquiry { question, to: Whom::All, say: Say::Text }))
}

/// The line of CLIENT LIST about the client itself.
pub(super) fn info<'a>(cx: &Context<'_>) -> Answer<'a> {
    let filter = ClientFilter::of_number(cx.client.number);
    let question = Question::ListClients { pool: cx.pool.id, filter };
    Ok(Effect::Ask(Inquiry { question, to: Whom::Own, say: Say::Text }))
}

/// CLIENT KILL address, which may be the client's own; or filters, which leave it out unless SKIPME says no.
pub(super) fn kill<'a>(cx: &Context<'_>, args: Args<'a>) -> Answer<'a> {
    let (filter, say) = if args.len() == 3 {
        let mut filter = ClientFilter::default();
        filter.add(Condition { not: false, of: Trait::Address(args.get(2).to_vec()) });
        (filter, Say::OkIfKilled)
    } else {
        (client_filter::read(cx, args, Form::Kill)?, Say::Count)
    };
    let question = Question::KillClients { pool: cx.pool.id, filter };
    Ok(Effect::Ask(Inquiry { question, to: Whom::All, say }))
}

/// CLIENT UNBLOCK id [TIMEOUT|ERROR].
pub(super) fn unblock<'a>(cx: &Context<'_>, args: Args<'a>) -> Answer<'a> {
    let error = match args.len() {
        3 => false,
        4 if args.is(3, "timeout") => false,
        4 if args.is(3, "error") => true,
        4 => return Err(Refusal::UnblockReason),
        _ => return Err(Refusal::ClientArity(args.get(1))),
    };
    // A number that is nobody's unblocks nobody.
    let number = u64::try_from(integer(args.get(2)).ok_or(Refusal::NotANumber)?).unwrap_or_default();
    let question = Question::UnblockClient { pool: cx.pool.id, number, error };
    Ok(Effect::Ask(Inquiry { question, to: Whom::All, say: Say::Count }))
}

/// CLIENT PAUSE milliseconds [WRITE|ALL].
pub(super) fn pause<'a>(cx: &Context<'_>, args: Args<'a>) -> Answer<'a> {
    let all = match args.len() {
        3 => true,
        4 if args.is(3, "write") => false,
        4 if args.is(3, "all") => true,
        4 => return Err(Refusal::PauseMode),
        _ => return Err(Refusal::ClientArity(args.get(1))),
    };
    let millis = integer(args.get(2)).ok_or(Refusal::BadNumber("timeout"))?;
    let millis = u64::try_from(millis).map_err(|_| Refusal::NegativeTimeout)?;
    Ok(Effect::Pause(Paused { until: cx.now + Duration::from_millis(millis), all }))
}

pub(super) fn unpause<'a>(out: &mut Vec<u8>) -> Answer<'a> {
    ok(out);
    Ok(Effect::Unpause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PoolId, Time};
    use crate::command::Local;

    use crate::engine::road::local::fixture::Fixture;

    const POOL: PoolId = PoolId(0);

    fn asks(local: Local, request: &str, question: Question, to: Whom, say: Say) {
        let fixture = Fixture::new(|_| {});
        fixture.check(local, request, "", Effect::Ask(Inquiry { question, to, say }));
    }

    fn filter(conditions: &[Trait]) -> ClientFilter {
        let mut filter = ClientFilter::default();
        conditions.iter().for_each(|of| filter.add(Condition { not: false, of: of.clone() }));
        filter
    }

    #[test]
    fn clients_are_listed_by_all_workers_and_oneself_by_one() {
        let question = Question::ListClients { pool: POOL, filter: filter(&[]) };
        asks(Local::ClientList, "CLIENT LIST", question, Whom::All, Say::Text);
        let question = Question::ListClients { pool: POOL, filter: ClientFilter::of_number(7) };
        asks(Local::ClientInfo, "CLIENT INFO", question, Whom::Own, Say::Text);
    }

    #[test]
    fn the_old_form_of_kill_may_mean_oneself_and_the_new_one_does_not() {
        let of = Trait::Address(b"1.2.3.4:5".to_vec());
        let question = Question::KillClients { pool: POOL, filter: filter(core::slice::from_ref(&of)) };
        asks(Local::ClientKill, "CLIENT KILL 1.2.3.4:5", question, Whom::All, Say::OkIfKilled);
        for (request, but) in [
            ("CLIENT KILL ADDR 1.2.3.4:5", Some(7)),
            ("CLIENT KILL ADDR 1.2.3.4:5 SKIPME yes", Some(7)),
            ("CLIENT KILL skipme no addr 1.2.3.4:5", None),
        ] {
            let mut filter = filter(core::slice::from_ref(&of));
            filter.but = but;
            let question = Question::KillClients { pool: POOL, filter };
            asks(Local::ClientKill, request, question, Whom::All, Say::Count);
        }
    }

    #[test]
    fn whoever_is_blocked_is_woken_by_its_number() {
        for (request, error) in [
            ("CLIENT UNBLOCK 5", false),
            ("CLIENT UNBLOCK 5 timeout", false),
            ("CLIENT UNBLOCK 5 ERROR", true),
        ] {
            let question = Question::UnblockClient { pool: POOL, number: 5, error };
            asks(Local::ClientUnblock, request, question, Whom::All, Say::Count);
        }
        let fixture = Fixture::new(|_| {});
        let check = |request, text| fixture.check_error(Local::ClientUnblock, request, text, "syntax");
        check("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range\r\n");
        check("CLIENT UNBLOCK 5 x", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
    }

    #[test]
    fn pauses_end_by_themselves() {
        let fixture = Fixture::new(|_| {});
        let until = |millis: u64| Time::from_millis(60_000 + millis);
        let check = |request: &str, until, all| {
            fixture.check(Local::ClientPause, request, "", Effect::Pause(Paused { until, all }));
        };
        check("CLIENT PAUSE 100", until(100), true);
        check("CLIENT PAUSE 100 all", until(100), true);
        check("CLIENT PAUSE 0 WRITE", until(0), false);
        fixture.check(Local::ClientUnpause, "CLIENT UNPAUSE", "+OK\r\n", Effect::Unpause);
        for (request, text) in [
            ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range\r\n"),
            ("CLIENT PAUSE 1.5", "-ERR timeout is not an integer or out of range\r\n"),
            ("CLIENT PAUSE -1", "-ERR timeout is negative\r\n"),
            (
                "CLIENT PAUSE 10 ALL more",
                "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.\r\n",
            ),
            ("CLIENT PAUSE 10 some", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"),
        ] {
            fixture.check_error(Local::ClientPause, request, text, "syntax");
        }
    }
}
