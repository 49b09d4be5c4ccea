//! A configuration as a file: the whole as meant, with secrets hidden, and the short one that
//! `ketch run --sentinel` stands for.

use core::fmt::Write as _;
use core::time::Duration;

use super::file::{FORMATS, READS, ROUTES};
use super::{Config, PoolConfig, SourceConfig, duration};
use crate::base::Address;

/// What stands for a secret.
const HIDDEN: &str = "********";

/// Collects lines. Writing to a `String` cannot fail, so results are not looked at.
struct Lines(String);

impl Lines {
    fn header(&mut self, header: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}{header}");
    }

    fn plain(&mut self, key: &str, value: impl core::fmt::Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn text(&mut self, key: &str, value: impl core::fmt::Display) {
        self.plain(key, quoted(&value.to_string()));
    }

    fn time(&mut self, key: &str, value: Duration) {
        self.text(key, duration::write(value));
    }

    fn addresses(&mut self, key: &str, addresses: &[Address]) {
        self.plain(key, list(addresses.iter().map(Address::to_string)));
    }
}

/// A TOML basic string. `${` would be read as a variable, so it is written as a plain one.
fn quoted(text: &str) -> String {
    toml::Value::String(text.replace("${", "$${")).to_string()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.map(|item| quoted(&item)).collect::<Vec<_>>().join(", "))
}

/// Four lines that say the same as `ketch run --sentinel A,B --master NAME --listen ADDRESS`.
pub fn quick(sentinels: &[String], masters: &[String], listen: &str) -> String {
    let mut lines = Lines(String::new());
    lines.header("[pool.main]");
    lines.text("listen", listen);
    lines.plain("sentinels", list(sentinels.iter().cloned()));
    lines.plain("shards", list(masters.iter().cloned()));
    lines.0
}

/// The whole configuration as meant, with every default written out and every secret hidden.
pub fn to_toml(config: &Config) -> String {
    let mut lines = Lines(String::new());
    lines.text("name", &config.name);
    if let Some(threads) = config.threads {
        lines.plain("threads", threads);
    }
    lines.header("[admin]");
    lines.text("listen", config.admin.as_ref().map(Address::to_string).unwrap_or_default());
    lines.header("[log]");
    lines.text("level", &config.log.level);
    lines.text("format", FORMATS[config.log.format as usize]);
    lines.header("[shutdown]");
    lines.time("delay", config.shutdown.delay);
    lines.time("timeout", config.shutdown.timeout);
    for pool in &config.pools {
        write_pool(&mut lines, pool);
    }
    lines.0
}

fn write_pool(lines: &mut Lines, pool: &PoolConfig) {
    let title =
        format!("pool.{}", if pool.name.contains('.') { quoted(&pool.name) } else { pool.name.clone() });
    lines.header(&format!("[{title}]"));
    if let SourceConfig::Sentinel(sentinels) = &pool.source {
        lines.addresses("sentinels", sentinels);
    }
    rules(lines, pool);
    for listener in &pool.listeners {
        lines.header(&format!("[[{title}.listen]]"));
        lines.text("address", &listener.address);
        if let Some(announce) = &listener.announce {
            lines.text("announce", announce);
        }
        lines.text("route", ROUTES[listener.route as usize]);
        if let Some(reads) = listener.reads {
            lines.text("reads", READS[reads as usize]);
        }
    }
    for shard in &pool.shards {
        lines.header(&format!("[[{title}.shard]]"));
        lines.text("name", &shard.name);
        lines.plain("weight", shard.weight);
        match pool.source {
            SourceConfig::Sentinel(_) => lines.text("master", &shard.master),
            SourceConfig::Static => lines.addresses("nodes", &shard.nodes),
        }
    }
    bounds(lines, &title, pool);
    access(lines, &title, pool);
}

fn rules(lines: &mut Lines, pool: &PoolConfig) {
    lines.text("hash", &pool.hash);
    lines.text("distribution", &pool.distribution);
    lines.text(
        "hash_tag",
        pool.hash_tag.map(|tag| String::from_utf8_lossy(&tag).into_owned()).unwrap_or_default(),
    );
    lines.text("reads", READS[pool.reads as usize]);
    lines.plain("db", pool.db);
    lines.plain("cross_shard_writes", pool.cross_shard_writes);
    lines.plain("insecure", pool.insecure);
    if !pool.address_map.is_empty() {
        let pairs = pool.address_map.iter().map(|(from, to)| format!("{} = {}", quoted(from), quoted(to)));
        lines.plain("address_map", format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
    }
    if let Some(hold) = pool.hold {
        lines.time("hold", hold);
    } else {
        lines.0.push_str("# hold = \"15s\", or 5s more than the Sentinels' down-after if that is longer\n");
    }
    lines.plain("hold_max", pool.hold_max);
    lines.text("hold_max_bytes", pool.hold_max_bytes);
    lines.plain("read_retries", pool.read_retries);
    lines.time("sentinel_refresh", pool.sentinel_refresh);
    lines.time("forget_after", pool.forget_after);
}

fn bounds(lines: &mut Lines, title: &str, pool: &PoolConfig) {
    lines.header(&format!("[{title}.timeouts]"));
    lines.time("connect", pool.timeouts.connect);
    lines.time("request", pool.timeouts.request);
    lines.time("slow", pool.timeouts.slow);
    lines.time("dead_after", pool.timeouts.dead_after);
    lines.time("client_idle", pool.timeouts.client_idle);
    lines.time("handshake", pool.timeouts.handshake);
    lines.header(&format!("[{title}.limits]"));
    lines.plain("max_clients", pool.limits.max_clients);
    lines.text("max_request", pool.limits.max_request);
    lines.plain("max_args", pool.limits.max_args);
    lines.text("max_inline", pool.limits.max_inline);
    lines.text("output_limit", pool.limits.output_limit);
    lines.time("stall_limit", pool.limits.stall_limit);
    lines.text("upstream_buffer", pool.limits.upstream_buffer);
    lines.text("gather_limit", pool.limits.gather_limit);
    lines.plain("max_upstreams", pool.limits.max_upstreams);
    lines.plain("max_pinned", pool.limits.max_pinned);
    lines.text("script_cache", pool.limits.script_cache);
    lines.header(&format!("[{title}.health]"));
    lines.time("interval", pool.health.interval);
    lines.plain("fail", pool.health.fail);
    lines.plain("pass", pool.health.pass);
}

fn access(lines: &mut Lines, title: &str, pool: &PoolConfig) {
    let auth = &pool.auth;
    if *auth != super::NodeAuth::default() {
        lines.header(&format!("[{title}.auth]"));
    }
    for (key, name) in [("username", &auth.username), ("sentinel_username", &auth.sentinel_username)] {
        if let Some(name) = name {
            lines.text(key, name);
        }
    }
    for (key, secret) in [("password", &auth.password), ("sentinel_password", &auth.sentinel_password)] {
        if secret.is_some() {
            lines.text(key, HIDDEN);
        }
    }
    for user in &pool.users {
        lines.header(&format!("[[{title}.user]]"));
        lines.text("name", &user.name);
        lines.text("password", HIDDEN);
    }
}
