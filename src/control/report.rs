//! A node's answer to INFO, read into a report. A field that is missing counts as 0, and one that makes no
//! sense, too: it is only shown to people and their graphs.

use crate::resp::Value;
use crate::topology::{Database, NodeCounts, NodeReport, Persistence};

/// Databases that are taken in; a node may have any number of them.
const DATABASES_MAX: usize = 1024;

/// `events` is what CONFIG GET notify-keyspace-events answered.
pub(super) fn read(info: &str, events: &Value) -> NodeReport {
    let mut report = NodeReport::default();
    if let Some([_, events]) = events.elements() {
        report.keyspace_events = events.text().map(str::to_owned);
    }
    for (name, value) in info.lines().filter_map(|line| line.trim_end().split_once(':')) {
        field(&mut report, name, value);
    }
    report
}

fn field(report: &mut NodeReport, name: &str, value: &str) {
    let number = || value.parse().unwrap_or(0);
    match name {
        "redis_version" => report.version = value.to_owned(),
        "used_memory" => report.used_memory = number(),
        "used_memory_rss" => report.used_memory_rss = number(),
        "used_memory_dataset" => report.used_memory_dataset = number(),
        "maxmemory" => report.maxmemory = number(),
        "maxmemory_policy" => report.maxmemory_policy = value.to_owned(),
        _ if count(&mut report.counts, name, number()) => {}
        _ if persistence(&mut report.persistence, name, value) => {}
        _ if report.databases.len() < DATABASES_MAX => report.databases.extend(database(name, value)),
        _ => {}
    }
}

/// Whether it is a field of these.
fn count(counts: &mut NodeCounts, name: &str, number: u64) -> bool {
    let field = match name {
        "keyspace_hits" => &mut counts.keyspace_hits,
        "keyspace_misses" => &mut counts.keyspace_misses,
        "expired_keys" => &mut counts.expired_keys,
        "evicted_keys" => &mut counts.evicted_keys,
        _ => return false,
    };
    *field = number;
    true
}

/// Whether it is a field of these.
fn persistence(state: &mut Persistence, name: &str, value: &str) -> bool {
    let flag = match name {
        "rdb_changes_since_last_save" => {
            state.changes_since_save = value.parse().unwrap_or(0);
            return true;
        }
        "rdb_last_save_time" => {
            state.last_save = value.parse().unwrap_or(0);
            return true;
        }
        "rdb_bgsave_in_progress" => &mut state.saving,
        "aof_enabled" => &mut state.aof,
        "aof_rewrite_in_progress" => &mut state.aof_rewriting,
        "rdb_last_bgsave_status" => &mut state.last_save_failed,
        "aof_last_bgrewrite_status" => &mut state.aof_rewrite_failed,
        "aof_last_write_status" => &mut state.aof_write_failed,
        _ => return false,
    };
    *flag = value == "1" || value == "err";
    true
}

/// `db0:keys=1,expires=0,avg_ttl=0`, perhaps with more behind it.
fn database(name: &str, value: &str) -> Option<Database> {
    let number = name.strip_prefix("db")?.parse().ok()?;
    let mut database = Database { number, ..Database::default() };
    for (name, count) in value.split(',').filter_map(|part| part.split_once('=')) {
        let count = count.parse().unwrap_or(0);
        match name {
            "keys" => database.keys = count,
            "expires" => database.expires = count,
            "avg_ttl" => database.avg_ttl = count,
            _ => {}
        }
    }
    Some(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_read_and_the_rest_passed_over() {
        let info = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:1013304\r\n\
            maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\nused_memory_human:x\r\n# Persistence\r\n\
            rdb_last_save_time:17\r\nrdb_last_bgsave_status:err\r\naof_enabled:1\r\naof_last_write_status:ok\r\n\
            # Stats\r\nkeyspace_hits:7\r\nkeyspace_misses:-\r\nevicted_keys:2\r\n# Keyspace\r\n\
            db0:keys=10,expires=3,avg_ttl=500\r\ndb12:keys=1,expires=0,avg_ttl=0,keys_with_volatile_items=0\r\ndbx:1\r\n";
        let events =
            Value::Array(vec![Value::Bulk(b"notify-keyspace-events".into()), Value::Bulk(b"KEA".into())]);
        let report = read(info, &events);
        assert_eq!(report.keyspace_events.as_deref(), Some("KEA"));
        assert_eq!(
            (report.version.as_str(), report.used_memory, report.maxmemory),
            ("7.0.15", 1_013_304, 1000)
        );
        assert_eq!(report.maxmemory_policy, "allkeys-lru");
        let counts = NodeCounts { keyspace_hits: 7, evicted_keys: 2, ..NodeCounts::default() };
        assert_eq!(report.counts, counts);
        let state = report.persistence;
        assert!(state.last_save == 17 && state.last_save_failed && state.aof && !state.aof_write_failed);
        let database = |number, keys, expires, avg_ttl| Database { number, keys, expires, avg_ttl };
        assert_eq!(report.databases, [database(0, 10, 3, 500), database(12, 1, 0, 0)]);
        assert_eq!(read("-NOPERM", &Value::Error("NOPERM".into())), NodeReport::default());
    }
}
