//! SENTINEL: enough for a client that looks for its primary through Sentinels and is pointed at Ketch
//! instead. Whatever it asks for, by the name of the pool, of a shard, or of a shard's master, it finds
//! Ketch: the listener that takes writes is the master, those for reads are its replicas.
//!
//! The master is never called down: while a shard has no primary, Ketch holds requests, and a client that
//! waits for another address would wait for nothing. What would change something is asked of a Sentinel.

use crate::base::Address;
use crate::resp::{array, bulk, integer as number, map, null_array, simple};

use super::info::process::run_id;
use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, announce, integer};

/// The names that clients may know the pool by, each once.
fn names<'a>(cx: &Context<'a>) -> Vec<&'a str> {
    let config = &cx.pool.config;
    let shards = config.shards.iter().flat_map(|shard| [shard.master.as_str(), shard.name.as_str()]);
    let mut names: Vec<&str> = Vec::new();
    for name in core::iter::once(config.name.as_str()).chain(shards) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn known<'a, 'n>(cx: &Context<'a>, name: &'n [u8]) -> Result<&'a str, Refusal<'n>> {
    names(cx).into_iter().find(|known| known.as_bytes() == name).ok_or(Refusal::NoSuchMaster)
}

/// SENTINEL GET-MASTER-ADDR-BY-NAME name.
pub(super) fn address<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if known(cx, args.get(2)).is_err() {
        null_array(out, cx.client.protocol);
        return Ok(Effect::None);
    }
    let address = announce::of(cx, announce::for_writes(cx));
    array(out, 2);
    bulk(out, address.host.as_bytes());
    bulk(out, address.port.to_string().as_bytes());
    Ok(Effect::None)
}

pub(super) fn masters<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    let names = names(cx);
    array(out, names.len());
    names.iter().for_each(|name| master_entry(cx, name, out));
    Ok(Effect::None)
}

pub(super) fn master<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let name = known(cx, args.get(2))?;
    master_entry(cx, name, out);
    Ok(Effect::None)
}

/// SENTINEL REPLICAS name, or SLAVES.
pub(super) fn replicas<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    known(cx, args.get(2))?;
    let primary = announce::of(cx, announce::for_writes(cx));
    array(out, announce::for_reads(cx).count());
    for listener in announce::for_reads(cx) {
        replica_entry(cx, &announce::of(cx, listener), &primary, out);
    }
    Ok(Effect::None)
}

/// SENTINEL SENTINELS name: a Sentinel names the others, and Ketch knows of no other Ketch.
pub(super) fn sentinels<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    known(cx, args.get(2))?;
    array(out, 0);
    Ok(Effect::None)
}

pub(super) fn ckquorum<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    known(cx, args.get(2))?;
    simple(out, "OK 1 usable Sentinels. Quorum and failover authorization can be reached");
    Ok(Effect::None)
}

/// SENTINEL IS-MASTER-DOWN-BY-ADDR ip port epoch runid: it is not, and nobody is voted for.
pub(super) fn is_master_down<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    if integer(args.get(3)).is_none() || integer(args.get(4)).is_none() {
        return Err(Refusal::NotANumber);
    }
    array(out, 3);
    number(out, 0);
    bulk(out, b"*");
    number(out, 0);
    Ok(Effect::None)
}

pub(super) fn myid<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    bulk(out, run_id(cx).as_bytes());
    Ok(Effect::None)
}

/// A field of an entry, and its value.
type Field = (&'static str, String);

/// What every instance has in a Sentinel's answer, up to its flags.
fn instance(cx: &Context<'_>, name: &str, address: &Address, flags: &str) -> Vec<Field> {
    vec![
        ("name", name.to_owned()),
        ("ip", address.host.clone()),
        ("port", address.port.to_string()),
        ("runid", run_id(cx)),
        ("flags", flags.to_owned()),
        ("link-pending-commands", "0".into()),
        ("link-refcount", "1".into()),
        ("last-ping-sent", "0".into()),
        ("last-ok-ping-reply", "0".into()),
        ("last-ping-reply", "0".into()),
        ("down-after-milliseconds", cx.pool.config.timeouts.dead_after.as_millis().to_string()),
        ("info-refresh", "0".into()),
    ]
}

fn role(cx: &Context<'_>, role: &str) -> [Field; 2] {
    let since = cx.now.since(crate::base::Time::ZERO).as_millis();
    [("role-reported", role.to_owned()), ("role-reported-time", since.to_string())]
}

fn master_entry(cx: &Context<'_>, name: &str, out: &mut Vec<u8>) {
    let address = announce::of(cx, announce::for_writes(cx));
    let mut fields = instance(cx, name, &address, "master");
    fields.extend(role(cx, "master"));
    fields.extend([
        ("config-epoch", "0".into()),
        ("num-slaves", announce::for_reads(cx).count().to_string()),
        ("num-other-sentinels", "0".into()),
        ("quorum", "1".into()),
        ("failover-timeout", cx.pool.hold.as_millis().to_string()),
        ("parallel-syncs", "1".into()),
    ]);
    write(cx, &fields, out);
}

fn replica_entry(cx: &Context<'_>, address: &Address, primary: &Address, out: &mut Vec<u8>) {
    let mut fields = instance(cx, &address.to_string(), address, "slave");
    fields.extend(role(cx, "slave"));
    fields.extend([
        ("master-link-down-time", "0".into()),
        ("master-link-status", "ok".into()),
        ("master-host", primary.host.clone()),
        ("master-port", primary.port.to_string()),
        ("slave-priority", "100".into()),
        ("slave-repl-offset", "0".into()),
        ("replica-announced", "1".into()),
    ]);
    write(cx, &fields, out);
}

fn write(cx: &Context<'_>, fields: &[Field], out: &mut Vec<u8>) {
    map(out, cx.client.protocol, fields.len());
    for (name, value) in fields {
        bulk(out, name.as_bytes());
        bulk(out, value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::base::Address;
    use crate::command::Local;
    use crate::config::Route;
    use crate::resp::Protocol;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    fn pair(host: &str, port: &str) -> String {
        format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len())
    }

    #[track_caller]
    fn check_address(fixture: &Fixture, name: &str, reply: &str) {
        let request = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {name}");
        fixture.check(Local::SentinelAddress, &request, reply, Effect::None);
    }

    #[test]
    fn every_name_of_the_pool_leads_to_ketch_and_no_other_does() {
        let mut fixture = Fixture::new(|config| config.shards[0].master = "master-a".into());
        for name in ["main", "a", "master-a", "b"] {
            check_address(&fixture, name, &pair("127.0.0.1", "6380"));
        }
        check_address(&fixture, "nosuch", "*-1\r\n");
        fixture.lose_primaries();
        check_address(&fixture, "a", &pair("127.0.0.1", "6380"));
        fixture.protocol = Protocol::Resp3;
        check_address(&fixture, "nosuch", "_\r\n");
    }

    #[test]
    fn a_listener_on_every_interface_is_found_where_the_client_found_it_unless_it_is_announced() {
        let mut fixture = Fixture::new(|_| {});
        fixture.route(Route::Replica);
        check_address(&fixture, "main", &pair("localhost", "6390"));
        fixture.local = Some("10.0.0.1:6380".parse().unwrap());
        check_address(&fixture, "main", &pair("10.0.0.1", "6390"));
        fixture.local = Some("[::ffff:10.0.0.1]:6380".parse().unwrap());
        check_address(&fixture, "main", &pair("10.0.0.1", "6390"));
        fixture.announce(1, Address::new("cache.example.net", 7000));
        check_address(&fixture, "main", &pair("cache.example.net", "7000"));
    }

    #[test]
    fn masters_are_told_with_all_that_clients_look_at() {
        let mut fixture = Fixture::new(|_| {});
        let (text, _) = fixture.ask(Local::SentinelMasters, "SENTINEL MASTERS");
        assert!(
            text.starts_with("*3\r\n*40\r\n$4\r\nname\r\n$4\r\nmain\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"),
            "{text}"
        );
        let (one, _) = fixture.ask(Local::SentinelMaster, "SENTINEL MASTER b");
        for part in [
            "$4\r\nname\r\n$1\r\nb\r\n",
            "$5\r\nflags\r\n$6\r\nmaster\r\n",
            "num-other-sentinels\r\n$1\r\n0\r\n",
        ] {
            assert!(one.contains(part), "{part} {one}");
        }
        fixture.protocol = Protocol::Resp3;
        assert!(fixture.ask(Local::SentinelMasters, "SENTINEL MASTERS").0.starts_with("*3\r\n%20\r\n"));
        fixture.check(
            Local::SentinelCkquorum,
            "SENTINEL CKQUORUM a",
            "+OK 1 usable Sentinels. Quorum and failover authorization can be reached\r\n",
            Effect::None,
        );
    }

    #[test]
    fn replicas_are_the_listeners_for_reads() {
        let mut fixture = Fixture::new(|_| {});
        let ask = |fixture: &Fixture| fixture.ask(Local::SentinelReplicas, "SENTINEL REPLICAS main").0;
        assert_eq!(ask(&fixture), "*0\r\n");
        fixture.route(Route::Replica);
        let text = ask(&fixture);
        assert!(text.starts_with("*1\r\n*42\r\n$4\r\nname\r\n$14\r\n127.0.0.1:6380\r\n"), "{text}");
        assert!(text.contains("master-port\r\n$4\r\n6390\r\n"), "{text}");
        fixture.check(Local::SentinelSentinels, "SENTINEL SENTINELS a", "*0\r\n", Effect::None);
    }

    #[test]
    fn what_is_not_known_is_answered_in_a_sentinel_s_words() {
        let fixture = Fixture::new(|_| {});
        let text = "-ERR No such master with that name\r\n";
        for (local, word) in [
            (Local::SentinelMaster, "MASTER"),
            (Local::SentinelReplicas, "SLAVES"),
            (Local::SentinelSentinels, "SENTINELS"),
            (Local::SentinelCkquorum, "CKQUORUM"),
        ] {
            fixture.check_error(local, &format!("SENTINEL {word} nosuch"), text, "no_master");
        }
        let request = "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1";
        fixture.check(
            Local::SentinelIsMasterDown,
            &format!("{request} 1 0 *"),
            "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n",
            Effect::None,
        );
        let text = "-ERR value is not an integer or out of range\r\n";
        fixture.check_error(Local::SentinelIsMasterDown, &format!("{request} x 0 *"), text, "syntax");
        assert_eq!(fixture.ask(Local::SentinelMyid, "SENTINEL MYID").0.len(), "$40\r\n\r\n".len() + 40);
    }
}
