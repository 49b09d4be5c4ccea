//! What one Sentinel says: which masters it knows, what it announces for those that are asked for.

use std::time::Duration;

use super::Credentials;
use crate::base::Address;
use crate::cli::asker::{Asker, NoReply};
use crate::config::NodeAuth;
use crate::resp::Value;

/// A Sentinel that answered.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Every master that it knows.
    pub(crate) names: Vec<String>,
    /// Those that were asked for and that it knows.
    pub(crate) masters: Vec<Master>,
}

/// A master, as one Sentinel sees it.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    pub(crate) name: String,
    /// The primary's address, as announced.
    pub(crate) announced: Address,
    pub(crate) epoch: i64,
    pub(crate) quorum: i64,
    /// Sentinels that it knows of, itself included.
    pub(crate) sentinels: i64,
    pub(crate) replicas: Vec<Replica>,
}

/// A replica, as announced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Replica {
    pub(crate) announced: Address,
    pub(crate) is_down: bool,
}

/// A Sentinel that is of no use.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    NoReply(NoReply),
    Credentials(Credentials),
    /// What it is instead.
    NotASentinel(String),
}

impl From<NoReply> for Trouble {
    fn from(reason: NoReply) -> Trouble {
        Trouble::NoReply(reason)
    }
}

pub(crate) fn look(
    address: &Address,
    auth: &NodeAuth,
    names: &[&str],
    limit: Duration,
) -> Result<Told, Trouble> {
    let mut asker = Asker::connect(address, limit)?;
    let greeting = asker.authenticate(auth.sentinel_username.as_deref(), auth.sentinel_password.as_ref())?;
    let greeting_wrong = Credentials::judge(&greeting);
    let masters = asker.ask(&["SENTINEL", "MASTERS"])?;
    if matches!(&masters, Value::Error(error) if error.starts_with("ERR unknown command")) {
        return Err(Trouble::NotASentinel(what_it_is(&mut asker)));
    }
    // Which server it is matters more than its password, so this is judged only now.
    if let Some(wrong) = greeting_wrong.or_else(|| Credentials::judge(&masters)) {
        return Err(Trouble::Credentials(wrong));
    }
    let Some(known) = masters.elements() else {
        return Err(Trouble::NotASentinel("it answers SENTINEL MASTERS as no Sentinel does".to_owned()));
    };
    let mut told = Told { names: Vec::new(), masters: Vec::new() };
    for entry in known {
        let Some(name) = field(entry, "name") else { continue };
        told.names.push(name.to_owned());
        if names.contains(&name) {
            told.masters.extend(master(&mut asker, name, entry)?);
        }
    }
    Ok(told)
}

fn what_it_is(asker: &mut Asker) -> String {
    let role = asker.ask(&["ROLE"]).ok();
    let role = role.as_ref().and_then(Value::elements).and_then(|parts| parts.first()).and_then(Value::text);
    match role {
        Some("master") => "it answers as a Redis server (role primary)".to_owned(),
        Some("slave") => "it answers as a Redis server (role replica)".to_owned(),
        _ => "it answers as a Redis server".to_owned(),
    }
}

/// `None` if the Sentinel forgot it between two questions.
fn master(asker: &mut Asker, name: &str, entry: &Value) -> Result<Option<Master>, NoReply> {
    // The entry's own ip and port lag behind in a failover; this answer does not.
    let address = asker.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name])?;
    let parts = address.elements().unwrap_or_default();
    let host = parts.first().and_then(Value::text);
    let port = parts.get(1).and_then(Value::number).and_then(|port| u16::try_from(port).ok());
    let Some((host, port)) = host.zip(port) else { return Ok(None) };
    let number = |key| field(entry, key).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    let replicas = asker.ask(&["SENTINEL", "REPLICAS", name])?;
    Ok(Some(Master {
        name: name.to_owned(),
        announced: Address::new(host, port),
        epoch: number("config-epoch"),
        quorum: number("quorum"),
        sentinels: number("num-other-sentinels") + 1,
        replicas: replicas.elements().unwrap_or_default().iter().filter_map(replica).collect(),
    }))
}

fn replica(entry: &Value) -> Option<Replica> {
    let port = field(entry, "port")?.parse().ok()?;
    let flags = field(entry, "flags").unwrap_or_default();
    let is_down = flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"));
    Some(Replica { announced: Address::new(field(entry, "ip")?, port), is_down })
}

/// A value from a flat list of keys and values.
fn field<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    let pairs = entry.elements()?.chunks_exact(2);
    pairs.into_iter().find(|pair| pair[0].text() == Some(key)).and_then(|pair| pair[1].text())
}
