//! Sections, their choice and their numbers.

use core::time::Duration;

use crate::command::{Local, find_name};
use crate::config::Route;
use crate::metrics::catalog;
use crate::resp::Protocol;
use crate::topology::{Database, NodeCounts, NodeReport};

use crate::engine::road::local::Effect;
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
    for section in
        ["# Server\r\n", "# Clients\r\n", "# Stats\r\n", "# Replication\r\n", "# Ketch\r\n", "# Shards\r\n"]
    {
        assert!(all.contains(section), "{section} {all}");
    }
    assert_eq!(text(&fixture, "INFO default nosuch"), all);
    let everything = all.replace("# Errorstats\r\n", "# Commandstats\r\n\r\n# Errorstats\r\n");
    for word in ["all", "everything", "nosuch ALL", "default commandstats"] {
        assert_eq!(text(&fixture, &format!("INFO {word}")), everything);
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
        replica.starts_with("# Replication\r\nrole:slave\r\nmaster_host:localhost\r\nmaster_port:6390\r\n")
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

fn reporting(fixture: &Fixture, node: usize, report: NodeReport) {
    fixture.pool().nodes[node].facts.reported(report);
}

fn counts(hits: u64) -> NodeCounts {
    NodeCounts { keyspace_hits: hits, keyspace_misses: 1, expired_keys: 2, evicted_keys: 3 }
}

#[test]
fn what_nodes_report_is_summed_over_the_believed_primaries() {
    let mut fixture = Fixture::new(|_| {});
    assert!(!text(&fixture, "INFO memory stats").contains("used_memory"), "nobody has said");
    assert_eq!(text(&fixture, "INFO keyspace"), "# Keyspace\r\n");
    let database = |keys, expires, avg_ttl| Database { number: 0, keys, expires, avg_ttl };
    let report = |used: u64, version: &str, database| NodeReport {
        version: version.into(),
        used_memory: used,
        used_memory_rss: 2 * used,
        maxmemory: 1 << 20,
        maxmemory_policy: "allkeys-lru".into(),
        counts: counts(10),
        databases: vec![database],
        ..NodeReport::default()
    };
    reporting(&fixture, 0, report(1000, "7.2.4", database(5, 1, 100)));
    // A replica's numbers are its primary's.
    reporting(&fixture, 1, report(5000, "5.0.0", database(5, 1, 100)));
    reporting(&fixture, 2, report(500, "7.0.15", database(7, 3, 500)));
    let memory = text(&fixture, "INFO memory");
    assert!(memory.starts_with("# Memory\r\nused_memory:1500\r\nused_memory_human:1.46K\r\n"), "{memory}");
    for line in [
        "maxmemory:2097152",
        "maxmemory_human:2.00M",
        "maxmemory_policy:allkeys-lru",
        "mem_fragmentation_ratio:2.00",
    ] {
        assert!(memory.contains(&format!("\r\n{line}\r\n")), "{line} {memory}");
    }
    assert_eq!(text(&fixture, "INFO keyspace"), "# Keyspace\r\ndb0:keys=12,expires=4,avg_ttl=400\r\n");
    let stats = text(&fixture, "INFO stats");
    assert!(stats.contains("\r\nkeyspace_hits:20\r\nkeyspace_misses:2\r\n"), "{stats}");
    assert!(text(&fixture, "INFO server").starts_with("# Server\r\nredis_version:7.0.15\r\n"));
    fixture.lose_primaries();
    assert_eq!(text(&fixture, "INFO memory"), "# Memory\r\n");
}

#[test]
fn statistics_begin_anew_when_they_are_reset() {
    let fixture = Fixture::new(|_| {});
    let get = fixture.registry.counter(&catalog::COMMANDS_TOTAL, &["main", "get", "read"]);
    get.add(4);
    let waited = fixture.pool().facts.waited.worker();
    let row = find_name(b"get").unwrap().id();
    waited.add(row, Duration::from_micros(10));
    waited.failed(row);
    (0..2).for_each(|_| waited.rejected(row));
    let errors = fixture.registry.counter(&catalog::COMMAND_ERRORS_TOTAL, &["main", "WRONGTYPE"]);
    errors.add(2);
    reporting(&fixture, 0, NodeReport { counts: counts(10), ..NodeReport::default() });
    let commands = "# Commandstats\r\ncmdstat_get:calls=4,usec=10,usec_per_call=2.50,rejected_calls=2,failed_calls=1\r\n";
    assert_eq!(text(&fixture, "INFO commandstats"), commands);
    fixture.check(Local::ConfigResetstat, "CONFIG RESETSTAT", "+OK\r\n", Effect::None);
    assert_eq!(text(&fixture, "INFO commandstats"), "# Commandstats\r\n");
    assert_eq!(text(&fixture, "INFO errorstats"), "# Errorstats\r\n");
    get.add(1);
    waited.add(row, Duration::from_micros(3));
    let commands =
        "# Commandstats\r\ncmdstat_get:calls=1,usec=3,usec_per_call=3.00,rejected_calls=0,failed_calls=0\r\n";
    assert_eq!(text(&fixture, "INFO commandstats"), commands);
    reporting(&fixture, 0, NodeReport { counts: counts(12), ..NodeReport::default() });
    let stats = text(&fixture, "INFO stats");
    for line in
        ["total_commands_processed:1", "total_error_replies:0", "keyspace_hits:2", "keyspace_misses:0"]
    {
        assert!(stats.contains(&format!("\r\n{line}\r\n")), "{line} {stats}");
    }
}

#[test]
fn in_resp3_it_is_a_text_for_people() {
    let mut fixture = Fixture::new(|_| {});
    fixture.protocol = Protocol::Resp3;
    let reply = "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n";
    fixture.check(Local::Info, "INFO cluster", reply, Effect::None);
}

#[test]
fn a_run_has_an_id_of_its_own() {
    let fixture = Fixture::new(|_| {});
    let server = text(&fixture, "INFO server");
    let id = server.split("\r\n").find_map(|line| line.strip_prefix("run_id:")).unwrap();
    assert!(id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert!(text(&fixture, "INFO server").contains(id));
}

#[test]
fn bytes_are_told_to_people_as_redis_tells_them() {
    for (bytes, text) in [(0, "0B"), (1023, "1023B"), (990_648, "967.43K"), (25_276_510_208, "23.54G")] {
        assert_eq!(super::human(bytes), text);
    }
}
