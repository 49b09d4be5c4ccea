//! A pool's own keys: placement, reads, holding, time-outs, limits.

use super::{Check, position};
use crate::base::ByteSize;
use crate::config::file::READS;
use crate::config::read::{Fields, Placed};
use crate::config::{Code, Diagnostic, HealthRules, Limits, PoolConfig, ReadPolicy, SourceConfig, Timeouts};

/// Hashes that give no number above 65,535. Ketama's first point almost always lies above that, and
/// whatever lies below it belongs to one shard.
const SMALL_HASHES: &[&str] = &["crc16", "crc32"];

impl Check<'_> {
    pub(super) fn pool(&mut self, name: &Placed<String>, fields: &Fields) -> PoolConfig {
        self.pool_name(name);
        let (source, shards) = self.source_and_shards(fields);
        let auth = self.node_auth(&fields.table("auth"), matches!(source, SourceConfig::Sentinel(_)));
        let users = self.users(fields);
        let insecure = fields.boolean("insecure").unwrap_or_default();
        let reads = read_policy(fields.text("reads")).unwrap_or_default();
        let open = !users.is_empty() || insecure || fields.is_broken("user") || fields.is_broken("insecure");
        let listeners = self.listeners(&name.value, fields, reads, open);
        let pool = PoolConfig {
            name: name.value.clone(),
            listeners,
            source,
            shards,
            hash: fields.text("hash").unwrap_or_default(),
            distribution: fields.text("distribution").unwrap_or_default(),
            hash_tag: self.hash_tag(fields),
            db: integer(fields, "db"),
            reads,
            cross_shard_writes: fields.boolean("cross_shard_writes").unwrap_or_default(),
            insecure,
            hold: fields.duration("hold"),
            hold_max: count(fields, "hold_max"),
            hold_max_bytes: size(fields, "hold_max_bytes"),
            read_retries: integer(fields, "read_retries"),
            sentinel_refresh: fields.duration("sentinel_refresh").unwrap_or_default(),
            forget_after: fields.duration("forget_after").unwrap_or_default(),
            address_map: self.address_map(fields),
            timeouts: timeouts(&fields.table("timeouts")),
            limits: limits(&fields.table("limits")),
            auth,
            users,
            health: health(&fields.table("health")),
        };
        self.one_server(fields, &pool);
        pool
    }

    /// Pool names stand in `POOL/SHARD`, in metric labels and in names of environment variables.
    fn pool_name(&mut self, name: &Placed<String>) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.value.is_empty() || !name.value.chars().all(allowed) {
            self.tell(
                Diagnostic::error(Code::NotAllowed, format!("a pool cannot be called '{}'", name.value))
                    .place(&name.place)
                    .help("a pool's name is made of letters, digits, '-', '_' and '.'"),
            );
        }
    }

    fn hash_tag(&mut self, fields: &Fields) -> Option<[u8; 2]> {
        let text = fields.text("hash_tag").filter(|text| !text.is_empty())?;
        if let Ok(pair) = <[u8; 2]>::try_from(text.as_bytes()) {
            return Some(pair);
        }
        self.tell(
            Diagnostic::error(
                Code::BadHashTag,
                format!("'hash_tag' needs two characters, '{text}' has {}", text.chars().count()),
            )
            .place(fields.place_of("hash_tag").unwrap_or(&fields.place))
            .help("write the opening and the closing one, as in \"{}\"; both plain ASCII"),
        );
        None
    }

    fn address_map(&mut self, fields: &Fields) -> Vec<(String, String)> {
        let mut map = Vec::new();
        for (from, to) in fields.pairs("address_map").unwrap_or_default() {
            for side in [&from, &to] {
                if !is_host_or_address(&side.value) {
                    self.tell(
                        Diagnostic::error(
                            Code::BadAddress,
                            format!("'{}' is neither a host nor an address", side.value),
                        )
                        .place(&side.place)
                        .help("write \"HOST\" = \"HOST\" or \"HOST:PORT\" = \"HOST:PORT\""),
                    );
                }
            }
            map.push((from.value, to.value));
        }
        map
    }

    fn one_server(&mut self, fields: &Fields, pool: &PoolConfig) {
        let small = SMALL_HASHES.contains(&pool.hash.as_str());
        if !small || pool.distribution != "ketama" || pool.shards.len() < 2 {
            return;
        }
        let message = format!("with hash = \"{}\" and ketama nearly all keys go to one shard", pool.hash);
        self.tell(
            Diagnostic::warning(Code::OneServer, message)
                .place(fields.place_of("hash").unwrap_or(&fields.place))
                .note(format!(
                    "{} gives numbers below 65536, and ketama spreads its points over 4294967296",
                    pool.hash
                ))
                .help("keep it to stay compatible with twemproxy's placement; for new data leave 'hash' out"),
        );
    }
}

/// The policy that a word names.
pub(super) fn read_policy(word: Option<String>) -> Option<ReadPolicy> {
    word.as_ref()?;
    Some(match position(READS, word) {
        1 => ReadPolicy::PreferPrimary,
        2 => ReadPolicy::Replica,
        3 => ReadPolicy::PreferReplica,
        4 => ReadPolicy::Any,
        _ => ReadPolicy::Primary,
    })
}

fn is_host_or_address(text: &str) -> bool {
    let is_host = |host: &str| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    match text.parse::<crate::base::Address>() {
        Ok(address) => address.literal().is_some() || is_host(&address.host),
        Err(_) => is_host(text) || text.parse::<core::net::IpAddr>().is_ok(),
    }
}

fn timeouts(fields: &Fields) -> Timeouts {
    let duration = |key| fields.duration(key).unwrap_or_default();
    Timeouts {
        connect: duration("connect"),
        request: duration("request"),
        slow: duration("slow"),
        dead_after: duration("dead_after"),
        client_idle: duration("client_idle"),
        handshake: duration("handshake"),
    }
}

fn limits(fields: &Fields) -> Limits {
    Limits {
        max_clients: count(fields, "max_clients"),
        max_request: size(fields, "max_request"),
        max_args: count(fields, "max_args"),
        max_inline: size(fields, "max_inline"),
        output_limit: size(fields, "output_limit"),
        stall_limit: fields.duration("stall_limit").unwrap_or_default(),
        upstream_buffer: size(fields, "upstream_buffer"),
        gather_limit: size(fields, "gather_limit"),
        max_upstreams: count(fields, "max_upstreams"),
        max_pinned: count(fields, "max_pinned"),
        script_cache: size(fields, "script_cache"),
    }
}

fn health(fields: &Fields) -> HealthRules {
    HealthRules {
        interval: fields.duration("interval").unwrap_or_default(),
        fail: integer(fields, "fail"),
        pass: integer(fields, "pass"),
    }
}

fn size(fields: &Fields, key: &str) -> ByteSize {
    fields.size(key).unwrap_or_default()
}

/// The rows' ranges keep these conversions exact.
fn integer(fields: &Fields, key: &str) -> u32 {
    fields.integer(key).and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}

fn count(fields: &Fields, key: &str) -> usize {
    fields.integer(key).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}
