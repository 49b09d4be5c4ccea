//! CONFIG GET: the few parameters that clients and tools ask for at start, and Ketch's own under
//! `ketch.`. What a node has configured is asked of the node. No secret is a row here.

use crate::resp::{bulk, map};

use super::{Answer, Args, Context, Effect, glob, simple};

/// A parameter, and how its value is found.
type Row = (&'static str, fn(&Context<'_>) -> String);

const ROWS: &[Row] = &[
    ("appendonly", |_| "no".into()),
    ("bind", |cx| cx.listener.address.host.clone()),
    ("cluster-enabled", |_| "no".into()),
    // Redis's own default where the nodes don't tell.
    ("databases", |cx| simple::databases(cx).unwrap_or(16.max(cx.pool.config.db + 1)).to_string()),
    ("ketch.cross_shard_writes", |cx| yes_no(cx.pool.config.cross_shard_writes)),
    ("ketch.distribution", |cx| cx.pool.config.distribution.clone()),
    ("ketch.hash", |cx| cx.pool.config.hash.clone()),
    ("ketch.hash_tag", |cx| {
        cx.pool.config.hash_tag.map_or(String::new(), |tag| tag.map(char::from).iter().collect())
    }),
    ("ketch.hold_seconds", |cx| cx.pool.hold.as_secs_f64().to_string()),
    ("ketch.pool", |cx| cx.pool.config.name.clone()),
    ("ketch.shards", |cx| cx.pool.shards.len().to_string()),
    ("ketch.version", |_| env!("CARGO_PKG_VERSION").into()),
    ("maxclients", |cx| cx.pool.config.limits.max_clients.to_string()),
    ("maxmemory", |_| "0".into()),
    ("maxmemory-policy", |_| "noeviction".into()),
    ("notify-keyspace-events", |_| String::new()),
    ("port", |cx| cx.listener.address.port.to_string()),
    ("proto-max-bulk-len", |cx| cx.pool.config.limits.max_request.0.to_string()),
    ("save", |_| String::new()),
    ("slowlog-log-slower-than", |_| "-1".into()),
    ("slowlog-max-len", |_| "0".into()),
    ("timeout", |cx| cx.pool.config.timeouts.client_idle.as_secs().to_string()),
];

/// CONFIG GET pattern [pattern …]. A parameter is told once; one that was named outright is called as
/// the client wrote it, as Redis does.
pub(super) fn get<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let mut called: [Option<&[u8]>; ROWS.len()] = [None; ROWS.len()];
    for pattern in args.from(2).iter() {
        let outright = !glob::is_pattern(pattern);
        for (slot, (name, _)) in called.iter_mut().zip(ROWS) {
            if outright && name.as_bytes().eq_ignore_ascii_case(pattern) {
                slot.get_or_insert(pattern);
            } else if !outright && glob::matches(pattern, name.as_bytes()) {
                slot.get_or_insert(name.as_bytes());
            }
        }
    }
    map(out, cx.client.protocol, called.iter().flatten().count());
    for (name, (_, value)) in called.iter().zip(ROWS).filter_map(|(name, row)| Some(((*name)?, row))) {
        bulk(out, name);
        bulk(out, value(cx).as_bytes());
    }
    Ok(Effect::None)
}

fn yes_no(value: bool) -> String {
    (if value { "yes" } else { "no" }).to_owned()
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[track_caller]
    fn check(request: &str, expected: &[(&str, &str)]) {
        let fixture = Fixture::new(|config| config.limits.max_clients = 500);
        let mut reply = format!("*{}\r\n", expected.len() * 2);
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
    }

    #[test]
    fn no_secret_is_told() {
        let fixture = Fixture::new(|config| config.auth.password = Some(crate::base::Secret::new("hush")));
        assert!(!fixture.ask(Local::ConfigGet, "CONFIG GET *").0.contains("hush"));
        check("CONFIG GET requirepass masterauth", &[]);
    }
}
