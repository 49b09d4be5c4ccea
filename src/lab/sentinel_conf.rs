//! A Sentinel's configuration file, and what a Sentinel says about a shard.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::base::Address;
use crate::lab::Server;
use crate::resp::Value;

/// What all Sentinels of a group have in common.
pub(crate) struct SentinelFile<'a> {
    pub(crate) down_after: Duration,
    pub(crate) failover_timeout: Duration,
    pub(crate) quorum: usize,
    pub(crate) node_password: Option<&'a str>,
    pub(crate) sentinel_password: Option<&'a str>,
    pub(crate) announce_host: Option<&'a str>,
    /// An address beside 127.0.0.1 to listen on.
    pub(crate) bind_also: Option<&'a str>,
    /// Name and announced address of each shard's first primary.
    pub(crate) shards: Vec<(&'a str, &'a Address)>,
}

impl SentinelFile<'_> {
    pub(crate) fn text(&self, port: u16) -> String {
        let mut file = format!("port {port}\nbind 127.0.0.1");
        if let Some(host) = self.bind_also {
            file += &format!(" {host}");
        }
        file.push('\n');
        if let Some(password) = self.sentinel_password {
            file += &format!("requirepass {password}\nsentinel sentinel-pass {password}\n");
        }
        if let Some(host) = self.announce_host {
            // Before the shards: whether their hosts may be names is decided by it.
            if host.parse::<core::net::IpAddr>().is_err() {
                file += "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n";
            }
            file += &format!("sentinel announce-ip {host}\n");
        }
        for (name, primary) in &self.shards {
            file += &self.shard(name, primary);
        }
        file
    }

    fn shard(&self, name: &str, primary: &Address) -> String {
        let mut lines = format!(
            "sentinel monitor {name} {} {} {}\n\
             sentinel down-after-milliseconds {name} {}\n\
             sentinel failover-timeout {name} {}\n\
             sentinel parallel-syncs {name} 1\n",
            primary.host,
            primary.port,
            self.quorum,
            self.down_after.as_millis(),
            self.failover_timeout.as_millis(),
        );
        if let Some(password) = self.node_password {
            lines += &format!("sentinel auth-pass {name} {password}\n");
        }
        lines
    }
}

type Fields = BTreeMap<String, String>;

/// One Sentinel's view of one shard.
#[derive(Debug)]
pub(crate) struct SentinelView {
    master: Fields,
    replicas: Vec<Fields>,
}

impl SentinelView {
    /// `None` if the Sentinel doesn't answer, or doesn't know the shard.
    pub(crate) fn ask(sentinel: &Server, shard: &str) -> Option<SentinelView> {
        let mut client = sentinel.client().ok()?;
        let master = fields(&client.ask(&["SENTINEL", "MASTER", shard]).ok()?)?;
        let replicas = client.ask(&["SENTINEL", "SLAVES", shard]).ok()?;
        let replicas = replicas.elements()?.iter().filter_map(fields).collect();
        Some(SentinelView { master, replicas })
    }

    /// Knows as many replicas and other Sentinels as there are, sees nothing wrong with the primary,
    /// and no failover is under way.
    pub(crate) fn is_complete(&self, replicas: usize, other_sentinels: usize) -> bool {
        let count = |field: &str| self.master.get(field).and_then(|n| n.parse::<usize>().ok());
        self.master.get("flags").is_some_and(|flags| flags == "master")
            && count("num-slaves") == Some(replicas)
            && count("num-other-sentinels") == Some(other_sentinels)
    }

    /// Would select the replica that is announced at `port`: it is up and in sync.
    pub(crate) fn trusts_replica_at(&self, port: u16) -> bool {
        let port = port.to_string();
        let replica = self.replicas.iter().find(|r| r.get("port") == Some(&port));
        replica.is_some_and(|r| {
            r.get("flags").is_some_and(|flags| flags == "slave")
                && r.get("master-link-status").is_some_and(|status| status == "ok")
        })
    }
}

/// Sentinel's flat list of names and values.
fn fields(reply: &Value) -> Option<Fields> {
    let text = |value: &Value| value.text().map(str::to_owned);
    let pair = |pair: &[Value]| Some((text(pair.first()?)?, text(pair.get(1)?)?));
    reply.elements()?.chunks(2).map(pair).collect()
}
