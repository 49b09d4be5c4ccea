//! Sections, their choice and their numbers.

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
