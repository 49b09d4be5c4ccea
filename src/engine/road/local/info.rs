//! INFO [section …]: in Redis's form (`# Section`, `key:value`), about the client's pool and this
//! process. Sections that only a server has are left out; `# Ketch` and `# Shards` are Ketch's own.

use core::fmt::Write;
use core::sync::atomic::Ordering;

use crate::base::Time;
use crate::config::Route;
use crate::metrics::{Row, catalog};
use crate::resp::bulk;
use crate::topology::{Gate, Health, Pool, Role, Shard};

use super::{Answer, Args, Context, Effect, REDIS_VERSION, role};

/// A section's name in lower case, its heading, and what writes its lines.
type Section = (&'static str, &'static str, fn(&mut Lines, &Context<'_>));

const SECTIONS: &[Section] = &[
    ("server", "Server", server),
    ("clients", "Clients", clients),
    ("persistence", "Persistence", persistence),
    ("stats", "Stats", stats),
    ("replication", "Replication", replication),
    ("errorstats", "Errorstats", errorstats),
    ("cluster", "Cluster", cluster),
    ("ketch", "Ketch", ketch),
    ("shards", "Shards", shards),
];

const EVERYTHING: [&str; 3] = ["default", "all", "everything"];

pub(super) fn info<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let asked = |name: &str| args.from(1).iter().any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()));
    let everything = args.len() == 1 || EVERYTHING.iter().any(|word| asked(word));
    // Whoever asks for this section alone is a check that looks for a primary.
    if asked("replication") && !everything && cx.listener.route != Route::Replica {
        role::writable(cx)?;
    }
    let mut lines = Lines::default();
    for (name, heading, write) in SECTIONS {
        if everything || asked(name) {
            lines.heading(heading);
            write(&mut lines, cx);
        }
    }
    bulk(out, lines.0.as_bytes());
    Ok(Effect::None)
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn heading(&mut self, text: &str) {
        let between = if self.0.is_empty() { "" } else { "\r\n" };
        self.write(format_args!("{between}# {text}\r\n"));
    }

    fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        self.write(format_args!("{key}:{value}\r\n"));
    }

    fn write(&mut self, text: core::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes everything");
    }
}

fn server(lines: &mut Lines, cx: &Context<'_>) {
    let uptime = cx.now.since(Time::ZERO).as_secs();
    lines.line("redis_version", REDIS_VERSION);
    // Clients branch on the mode: what they see behaves like one server.
    lines.line("redis_mode", "standalone");
    lines.line("proxy", "ketch");
    lines.line("ketch_version", env!("CARGO_PKG_VERSION"));
    lines.line("arch_bits", usize::BITS);
    lines.line("process_id", cx.facts.process_id);
    lines.line("tcp_port", cx.listener.address.port);
    lines.line("server_time_usec", cx.wall.as_micros());
    lines.line("uptime_in_seconds", uptime);
    lines.line("uptime_in_days", uptime / 86_400);
}

fn clients(lines: &mut Lines, cx: &Context<'_>) {
    lines.line("connected_clients", cx.pool.facts.clients());
    lines.line("cluster_connections", 0);
    lines.line("maxclients", cx.pool.config.limits.max_clients);
    lines.line("blocked_clients", cx.pool.facts.blocked.load(Ordering::Relaxed));
    lines.line("tracking_clients", 0);
}

/// Clients wait for `loading:0` before they begin.
fn persistence(lines: &mut Lines, _: &Context<'_>) {
    lines.line("loading", 0);
    lines.line("async_loading", 0);
}

fn stats(lines: &mut Lines, cx: &Context<'_>) {
    let total = |row| counted(cx, row).map(|(_, count)| count).sum::<u64>();
    lines.line("total_connections_received", cx.pool.facts.accepted.load(Ordering::Relaxed));
    lines.line("total_commands_processed", total(&catalog::COMMANDS_TOTAL));
    lines.line("total_net_input_bytes", total(&catalog::CLIENT_RECEIVED_BYTES_TOTAL));
    lines.line("total_net_output_bytes", total(&catalog::CLIENT_SENT_BYTES_TOTAL));
    lines.line("rejected_connections", cx.pool.facts.rejected.load(Ordering::Relaxed));
    lines.line("total_error_replies", total(&catalog::COMMAND_ERRORS_TOTAL));
}

fn replication(lines: &mut Lines, cx: &Context<'_>) {
    if cx.listener.route == Route::Replica {
        let primary = role::primary_of(cx);
        lines.line("role", "slave");
        lines.line("master_host", primary.host);
        lines.line("master_port", primary.port);
        lines.line("master_link_status", if role::any_writable(cx) { "up" } else { "down" });
        lines.line("master_last_io_seconds_ago", 0);
        lines.line("master_sync_in_progress", 0);
        lines.line("slave_repl_offset", 0);
        lines.line("slave_read_only", 1);
    } else {
        lines.line("role", "master");
    }
    // Clients that find replicas here would go past Ketch.
    lines.line("connected_slaves", 0);
    lines.line("master_repl_offset", 0);
}

fn errorstats(lines: &mut Lines, cx: &Context<'_>) {
    for (code, count) in counted(cx, &catalog::COMMAND_ERRORS_TOTAL) {
        lines.write(format_args!("errorstat_{code}:count={count}\r\n"));
    }
}

fn cluster(lines: &mut Lines, _: &Context<'_>) {
    lines.line("cluster_enabled", 0);
}

fn ketch(lines: &mut Lines, cx: &Context<'_>) {
    let pool = cx.pool;
    lines.line("name", &cx.facts.name);
    lines.line("pool", &pool.config.name);
    lines.line("listener", &cx.listener.address);
    lines.line("route", cx.listener.route.label());
    lines.line("topology_epoch", cx.topology.epoch);
    lines.line("workers", cx.facts.workers.len());
    lines.line("draining", u8::from(cx.facts.draining.load(Ordering::Relaxed)));
    lines.line("shards", pool.shards.len());
    lines.line("shards_writable", pool.shards.iter().filter(|shard| shard.writable()).count());
    lines.line("nodes", pool.nodes.len());
    lines.line(
        "nodes_up",
        pool.nodes.iter().filter(|n| matches!(n.health, Health::Up | Health::Suspect)).count(),
    );
    lines.line("held_requests", pool.facts.held.load(Ordering::Relaxed));
    lines.line("failovers_total", pool.failovers());
}

fn shards(lines: &mut Lines, cx: &Context<'_>) {
    for (index, shard) in cx.pool.shards.iter().enumerate() {
        let replicas = || cx.pool.members(shard.id).filter(|node| node.role == Role::Replica);
        lines.write(format_args!(
            "shard{index}:name={},primary={},replicas={},replicas_serving={},state={},since={}\r\n",
            shard.name,
            primary(cx.pool, shard),
            replicas().count(),
            replicas().filter(|node| node.serves_reads).count(),
            state(shard),
            cx.now.since(shard.since).as_secs(),
        ));
    }
}

fn primary(pool: &Pool, shard: &Shard) -> String {
    pool.primary(shard.id).map_or(String::new(), |node| node.address.to_string())
}

fn state(shard: &Shard) -> &'static str {
    match shard.gate {
        Gate::Held { reason, .. } => reason.label(),
        Gate::Open if shard.primary.is_some() => "up",
        Gate::Open => "no_primary",
    }
}

/// The series of this pool: the second label where there is one, and the count.
fn counted(cx: &Context<'_>, row: &'static Row) -> impl Iterator<Item = (String, u64)> {
    let samples = cx.registry.samples(row).into_iter();
    samples.filter(|(labels, _)| labels.first() == Some(&cx.pool.config.name)).map(|(mut labels, count)| {
        let second = if labels.len() > 1 { labels.swap_remove(1) } else { String::new() };
        (second, count as u64)
    })
}

#[cfg(test)]
mod tests {
    use crate::command::Local;
    use crate::config::Route;
    use crate::metrics::catalog;

    use crate::engine::road::local::fixture::Fixture;

    fn text(fixture: &Fixture, request: &str) -> String {
        let (reply, _) = fixture.ask(Local::Info, request);
        let (header, body) = reply.split_once("\r\n").unwrap();
        let body = body.strip_suffix("\r\n").unwrap();
        assert_eq!(header, format!("${}", body.len()));
        body.to_owned()
    }

    #[test]
    fn sections_are_chosen_by_name_and_keep_their_order() {
        let fixture = Fixture::new(|_| {});
        assert_eq!(text(&fixture, "INFO cluster"), "# Cluster\r\ncluster_enabled:0\r\n");
        assert_eq!(text(&fixture, "INFO nosuch"), "");
        let two = "# Persistence\r\nloading:0\r\nasync_loading:0\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n";
        assert_eq!(text(&fixture, "INFO Cluster PERSISTENCE cluster"), two);
        let all = text(&fixture, "INFO");
        for section in [
            "# Server\r\n",
            "# Clients\r\n",
            "# Stats\r\n",
            "# Replication\r\n",
            "# Ketch\r\n",
            "# Shards\r\n",
        ] {
            assert!(all.contains(section), "{section} {all}");
        }
        for word in ["all", "everything", "default", "nosuch all"] {
            assert_eq!(text(&fixture, &format!("INFO {word}")), all);
        }
    }

    #[test]
    fn every_line_is_a_section_or_a_key_in_lower_case() {
        let fixture = Fixture::new(|_| {});
        let _errors = fixture.registry.counter(&catalog::COMMAND_ERRORS_TOTAL, &["main", "WRONGTYPE"]);
        for line in
            text(&fixture, "INFO").split("\r\n").filter(|line| !line.is_empty() && !line.starts_with("# "))
        {
            let (key, _) = line.split_once(':').unwrap_or_else(|| panic!("{line}"));
            // What stands behind it is the error's own first word.
            assert!(key.starts_with("errorstat_") || key == key.to_ascii_lowercase(), "{line}");
        }
    }

    #[test]
    fn the_role_is_what_checks_look_for() {
        let mut fixture = Fixture::new(|_| {});
        assert!(
            text(&fixture, "INFO replication")
                .starts_with("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n")
        );
        fixture.lose_primaries();
        fixture.check_error(Local::Info, "INFO replication", "-MASTERDOWN ", "MASTERDOWN");
        assert!(text(&fixture, "INFO").contains("\r\nshards_writable:0\r\n"));
        fixture.route(Route::Replica);
        let replica = text(&fixture, "info replication");
        assert!(
            replica
                .starts_with("# Replication\r\nrole:slave\r\nmaster_host:localhost\r\nmaster_port:6390\r\n")
        );
        assert!(replica.contains("master_link_status:down\r\n"));
    }

    #[test]
    fn numbers_are_those_of_the_client_s_pool() {
        let fixture = Fixture::new(|_| {});
        let count = |pool: &str, cmd: &str, n| {
            let counter = fixture.registry.counter(&catalog::COMMANDS_TOTAL, &[pool, cmd, "read"]);
            counter.add(n);
            counter
        };
        let _counters = [count("main", "get", 3), count("main", "mget", 4), count("other", "get", 100)];
        let errors = fixture.registry.counter(&catalog::COMMAND_ERRORS_TOTAL, &["main", "WRONGTYPE"]);
        errors.add(2);
        let stats = text(&fixture, "INFO stats errorstats");
        assert!(stats.contains("\r\ntotal_commands_processed:7\r\n"), "{stats}");
        assert!(stats.contains("\r\ntotal_error_replies:2\r\n"), "{stats}");
        assert!(stats.ends_with("# Errorstats\r\nerrorstat_WRONGTYPE:count=2\r\n"), "{stats}");
    }

    #[test]
    fn shards_are_told_by_name() {
        let mut fixture = Fixture::new(|_| {});
        assert_eq!(
            text(&fixture, "INFO shards"),
            "# Shards\r\nshard0:name=a,primary=127.0.0.1:7001,replicas=1,replicas_serving=1,state=up,since=60\r\n\
             shard1:name=b,primary=127.0.0.1:7003,replicas=0,replicas_serving=0,state=moving,since=60\r\n"
        );
        fixture.lose_primaries();
        assert!(
            text(&fixture, "INFO shards")
                .contains("name=a,primary=,replicas=1,replicas_serving=1,state=no_primary,")
        );
    }
}
