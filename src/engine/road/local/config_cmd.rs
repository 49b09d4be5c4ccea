//! CONFIG GET, SET, RESETSTAT: the few parameters that clients and tools ask for, and Ketch's own under
//! `ketch.`. What a node has configured is asked of the node. No secret is a row here.
//!
//! SET changes what `topology::Settings` holds, so it takes effect in every worker, until the process
//! ends; whatever else is configured stays as the file has it. A parameter may be "set" to the value that
//! it has: clients do so to be sure of it.

use core::fmt;

use crate::resp::{bulk, map};
use crate::topology::SLOW_LOG_MAX;

use super::info::{counts, nodes};
use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, glob, integer, ok, simple};

/// Sets a parameter to a number that is allowed.
type Apply = fn(&Context<'_>, i64);

/// A parameter, how its value is found, and what may be done with it.
struct Parameter {
    name: &'static str,
    value: fn(&Context<'_>) -> String,
    set: Set,
}

#[derive(Clone, Copy)]
enum Set {
    /// A number from `least` to `most`, effective at once.
    Number { least: i64, most: i64, apply: Apply },
    /// In the words that follow "it is ".
    Never(&'static str),
}

/// Why a parameter was not set; Redis's words, but for what no Redis has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unset {
    Duplicate,
    NotANumber,
    NotBetween(i64, i64),
    /// Where it is to be changed.
    Elsewhere(&'static str),
}

impl fmt::Display for Unset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unset::Duplicate => f.write_str("duplicate parameter"),
            Unset::NotANumber => f.write_str("argument couldn't be parsed into an integer"),
            Unset::NotBetween(least, most) => {
                write!(f, "argument must be between {least} and {most} inclusive")
            }
            Unset::Elsewhere(place) => write!(f, "can't be set while Ketch runs: it is {place}"),
        }
    }
}

const FILE: Set = Set::Never("in Ketch's configuration file; change it there and restart");
const NODES: Set = Set::Never("the nodes' own; use the address of each node");
const FIXED: Set = Set::Never("the same for every Ketch");

const fn row(name: &'static str, set: Set, value: fn(&Context<'_>) -> String) -> Parameter {
    Parameter { name, value, set }
}

const fn number(least: i64, most: i64, apply: Apply) -> Set {
    Set::Number { least, most, apply }
}

const ROWS: &[Parameter] = &[
    row("appendonly", NODES, |_| "no".into()),
    row("bind", FILE, |cx| cx.listener.address.host.clone()),
    row("cluster-enabled", FIXED, |_| "no".into()),
    // Redis's own default where the nodes don't tell.
    row("databases", NODES, |cx| simple::databases(cx).unwrap_or(16.max(cx.pool.config.db + 1)).to_string()),
    row("ketch.cross_shard_writes", FILE, |cx| yes_no(cx.pool.config.cross_shard_writes)),
    row("ketch.distribution", FILE, |cx| cx.pool.config.distribution.clone()),
    row("ketch.hash", FILE, |cx| cx.pool.config.hash.clone()),
    row("ketch.hash_tag", FILE, |cx| {
        cx.pool.config.hash_tag.map_or(String::new(), |tag| tag.map(char::from).iter().collect())
    }),
    row("ketch.hold_seconds", FILE, |cx| cx.pool.hold.as_secs_f64().to_string()),
    row("ketch.name", FILE, |cx| cx.facts.name.clone()),
    row("ketch.pool", FILE, |cx| cx.pool.config.name.clone()),
    row("ketch.route", FILE, |cx| cx.listener.route.label().to_owned()),
    row("ketch.shards", FILE, |cx| cx.pool.shards.len().to_string()),
    row("ketch.version", FIXED, |_| env!("CARGO_PKG_VERSION").into()),
    row(
        "latency-monitor-threshold",
        number(0, i64::MAX, |cx, n| cx.pool.facts.settings.set_latency_threshold(n)),
        |cx| cx.pool.facts.settings.latency_threshold_millis().to_string(),
    ),
    // No histogram is kept of each command.
    row("latency-tracking", FIXED, |_| "no".into()),
    row("maxclients", number(1, u32::MAX as i64, |cx, n| cx.pool.facts.settings.set_max_clients(n)), |cx| {
        cx.pool.max_clients().to_string()
    }),
    row("maxmemory", NODES, |cx| nodes::limits(cx).0.to_string()),
    row("maxmemory-policy", NODES, |cx| nodes::limits(cx).1),
    row("notify-keyspace-events", NODES, nodes::keyspace_events),
    row("port", FILE, |cx| cx.listener.address.port.to_string()),
    row("proto-max-bulk-len", FILE, |cx| cx.pool.config.limits.max_request.0.to_string()),
    row("save", NODES, |_| String::new()),
    row(
        "slowlog-log-slower-than",
        number(-1, i64::MAX, |cx, n| cx.pool.facts.settings.set_slow_after(n)),
        |cx| cx.pool.facts.settings.slow_after_micros().to_string(),
    ),
    row(
        "slowlog-max-len",
        number(0, SLOW_LOG_MAX as i64, |cx, n| cx.pool.facts.settings.set_slow_log_length(n)),
        |cx| cx.pool.facts.settings.slow_log_length().to_string(),
    ),
    row("timeout", number(0, i32::MAX as i64, |cx, n| cx.pool.facts.settings.set_client_idle(n)), |cx| {
        cx.pool.client_idle().as_secs().to_string()
    }),
];

/// CONFIG GET pattern [pattern …]. A parameter is told once; one that was named outright is called as
/// the client wrote it, as Redis does.
pub(super) fn get<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let mut called: [Option<&[u8]>; ROWS.len()] = [None; ROWS.len()];
    for pattern in args.from(2).iter() {
        let outright = !glob::is_pattern(pattern);
        for (slot, row) in called.iter_mut().zip(ROWS) {
            if outright && row.name.as_bytes().eq_ignore_ascii_case(pattern) {
                slot.get_or_insert(pattern);
            } else if !outright && glob::matches(pattern, row.name.as_bytes()) {
                slot.get_or_insert(row.name.as_bytes());
            }
        }
    }
    map(out, cx.client.protocol, called.iter().flatten().count());
    for (name, row) in called.iter().zip(ROWS).filter_map(|(name, row)| Some(((*name)?, row))) {
        bulk(out, name);
        bulk(out, (row.value)(cx).as_bytes());
    }
    Ok(Effect::None)
}

/// CONFIG SET parameter value [parameter value …]: all of them or none.
pub(super) fn set<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let pairs = args.from(2);
    if pairs.len() % 2 == 1 {
        return Err(Refusal::Syntax);
    }
    let mut wanted: Vec<(&Parameter, &[u8])> = Vec::new();
    for place in (0..pairs.len()).step_by(2) {
        let name = pairs.get(place);
        let row = ROWS.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name));
        let row = row.ok_or(Refusal::ConfigUnknown(name))?;
        if wanted.iter().any(|(other, _)| other.name == row.name) {
            return Err(Refusal::ConfigUnset(name, Unset::Duplicate));
        }
        wanted.push((row, pairs.get(place + 1)));
    }
    let mut changes: Vec<(Apply, i64)> = Vec::new();
    for (row, value) in wanted {
        match row.set {
            Set::Never(_) if (row.value)(cx).as_bytes() == value => {}
            Set::Never(place) => {
                return Err(Refusal::ConfigUnset(row.name.as_bytes(), Unset::Elsewhere(place)));
            }
            Set::Number { least, most, apply } => {
                let unset = |why| Refusal::ConfigUnset(row.name.as_bytes(), why);
                let number = integer(value).ok_or_else(|| unset(Unset::NotANumber))?;
                if !(least..=most).contains(&number) {
                    return Err(unset(Unset::NotBetween(least, most)));
                }
                changes.push((apply, number));
            }
        }
    }
    changes.into_iter().for_each(|(apply, number)| apply(cx, number));
    ok(out);
    Ok(Effect::None)
}

pub(super) fn resetstat<'a>(cx: &Context<'_>, out: &mut Vec<u8>) -> Answer<'a> {
    counts::reset(cx);
    ok(out);
    Ok(Effect::None)
}

fn yes_no(value: bool) -> String {
    (if value { "yes" } else { "no" }).to_owned()
}

#[cfg(test)]
mod tests {
    use crate::command::Local;
    use crate::resp::Protocol;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[track_caller]
    fn check(request: &str, expected: &[(&str, &str)]) {
        let fixture = Fixture::new(|config| config.limits.max_clients = 500);
        check_with(&fixture, request, expected);
    }

    #[track_caller]
    fn check_with(fixture: &Fixture, request: &str, expected: &[(&str, &str)]) {
        let mut reply = match fixture.protocol {
            Protocol::Resp2 => format!("*{}\r\n", expected.len() * 2),
            Protocol::Resp3 => format!("%{}\r\n", expected.len()),
        };
        for word in expected.iter().flat_map(|(name, value)| [name, value]) {
            reply += &format!("${}\r\n{word}\r\n", word.len());
        }
        fixture.check(Local::ConfigGet, request, &reply, Effect::None);
    }

    #[test]
    fn parameters_are_found_by_name_and_pattern() {
        check("CONFIG GET maxclients", &[("maxclients", "500")]);
        check("CONFIG GET MaxClients", &[("MaxClients", "500")]);
        check("CONFIG GET save", &[("save", "")]);
        check("CONFIG GET nosuch", &[]);
        check(
            "CONFIG GET max[a-m]*",
            &[("maxclients", "500"), ("maxmemory", "0"), ("maxmemory-policy", "noeviction")],
        );
        check("CONFIG GET timeout MAXMEMORY timeout t*", &[("MAXMEMORY", "0"), ("timeout", "0")]);
        check("CONFIG GET ketch.h*h", &[("ketch.hash", "fnv1a_64")]);
        check("CONFIG GET ketch.hash_tag", &[("ketch.hash_tag", "{}")]);
        check("CONFIG GET databases", &[("databases", "16")]);
        check("CONFIG GET port", &[("port", "6380")]);
        check("CONFIG GET slowlog-*", &[("slowlog-log-slower-than", "10000"), ("slowlog-max-len", "128")]);
    }

    #[test]
    fn in_resp3_they_are_a_map() {
        let mut fixture = Fixture::new(|_| {});
        fixture.protocol = Protocol::Resp3;
        check_with(&fixture, "CONFIG GET timeout save", &[("save", ""), ("timeout", "0")]);
    }

    #[test]
    fn no_secret_is_told() {
        let fixture = Fixture::new(|config| config.auth.password = Some(crate::base::Secret::new("hush")));
        assert!(!fixture.ask(Local::ConfigGet, "CONFIG GET *").0.contains("hush"));
        check("CONFIG GET requirepass masterauth", &[]);
    }

    #[test]
    fn several_are_set_at_once_or_none() {
        let fixture = Fixture::new(|_| {});
        let set = |request: &str| {
            fixture.check(Local::ConfigSet, &format!("CONFIG SET {request}"), "+OK\r\n", Effect::None);
        };
        set("maxclients 7 TIMEOUT 30 slowlog-log-slower-than -1 slowlog-max-len 5");
        set("latency-monitor-threshold 100");
        let expected = [("maxclients", "7"), ("slowlog-max-len", "5"), ("timeout", "30")];
        check_with(&fixture, "CONFIG GET maxclients timeout slowlog-max*", &expected);
        check_with(&fixture, "CONFIG GET latency-m*", &[("latency-monitor-threshold", "100")]);
        let request = "CONFIG SET maxclients 9 timeout x";
        fixture.check_error(Local::ConfigSet, request, "-ERR CONFIG SET failed (possibly", "config");
        check_with(&fixture, "CONFIG GET maxclients", &[("maxclients", "7")]);
    }

    /// The texts of redis-server 7.0.15, but for what it could set.
    #[test]
    fn mistakes_are_told_in_the_words_of_redis() {
        let fixture = Fixture::new(|_| {});
        let failed = |name: &str, why: &str| {
            format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {why}\r\n")
        };
        let unknown = "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n";
        for (request, text) in [
            ("foo bar", unknown.to_owned()),
            ("maxclients abc foo 1", unknown.to_owned()),
            ("MAXCLIENTS abc", failed("maxclients", "argument couldn't be parsed into an integer")),
            ("timeout 5 TIMEOUT 6", failed("TIMEOUT", "duplicate parameter")),
            ("maxclients 0", failed("maxclients", "argument must be between 1 and 4294967295 inclusive")),
            ("timeout 99999999999", failed("timeout", "argument must be between 0 and 2147483647 inclusive")),
            (
                "slowlog-max-len 10001",
                failed("slowlog-max-len", "argument must be between 0 and 10000 inclusive"),
            ),
            (
                "appendonly yes",
                failed(
                    "appendonly",
                    "can't be set while Ketch runs: it is the nodes' own; use the address of each node",
                ),
            ),
        ] {
            fixture.check_error(Local::ConfigSet, &format!("CONFIG SET {request}"), &text, "config");
        }
        fixture.check_error(Local::ConfigSet, "CONFIG SET a b c", "-ERR syntax error\r\n", "syntax");
        fixture.check(Local::ConfigSet, "CONFIG SET appendonly no", "+OK\r\n", Effect::None);
    }
}
