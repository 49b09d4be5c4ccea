//! ROLE, and who a listener says it is. Load balancers ask for `master` or `slave`, so a listener that
//! takes writes says it is a primary, and one for reads that it is a replica.

use crate::base::Address;
use crate::config::Route;
use crate::resp::{array, bulk, integer as number};

use super::refusal::Refusal;
use super::{Answer, Context, Effect, announce};

pub(super) fn role<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    if cx.listener.route == Route::Replica {
        let primary = primary_of(cx);
        array(out, 5);
        bulk(out, b"slave");
        bulk(out, primary.host.as_bytes());
        number(out, i64::from(primary.port));
        bulk(out, if any_writable(cx) { b"connected" } else { b"connect" });
        number(out, 0);
        return Ok(Effect::None);
    }
    writable(cx)?;
    array(out, 3);
    bulk(out, b"master");
    number(out, 0);
    // Ketch has replicas behind it, but a client that went to them would go past Ketch.
    array(out, 0);
    Ok(Effect::None)
}

/// A check for a primary should fail while there is none to write to.
pub(super) fn writable<'a>(cx: &Context<'_>) -> Result<(), Refusal<'a>> {
    if any_writable(cx) { Ok(()) } else { Err(Refusal::NoShardWritable) }
}

pub(super) fn any_writable(cx: &Context<'_>) -> bool {
    cx.pool.shards.iter().any(|shard| shard.writable())
}

/// Where clients of a replica listener find its "primary": a listener of the pool that takes writes,
/// else this one.
pub(super) fn primary_of(cx: &Context<'_>) -> Address {
    announce::of(cx, announce::for_writes(cx))
}

#[cfg(test)]
mod tests {
    use crate::command::Local;
    use crate::config::Route;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn a_listener_for_writes_is_a_primary_while_a_shard_is_writable() {
        let mut fixture = Fixture::new(|_| {});
        fixture.check(Local::Role, "ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", Effect::None);
        fixture.lose_primaries();
        fixture.check_error(Local::Role, "ROLE", "-MASTERDOWN no shard of this pool", "MASTERDOWN");
    }

    #[test]
    fn a_listener_for_reads_is_a_replica_of_the_one_for_writes() {
        let mut fixture = Fixture::new(|_| {});
        fixture.route(Route::Replica);
        let role = |state: &str| {
            format!("*5\r\n$5\r\nslave\r\n$9\r\nlocalhost\r\n:6390\r\n${}\r\n{state}\r\n:0\r\n", state.len())
        };
        fixture.check(Local::Role, "ROLE", &role("connected"), Effect::None);
        fixture.lose_primaries();
        fixture.check(Local::Role, "ROLE", &role("connect"), Effect::None);
    }
}
