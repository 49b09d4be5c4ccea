//! What one node says about itself: does it answer, does it take the password, what is its role.

use std::time::Duration;

use super::Credentials;
use crate::base::{Address, Secret};
use crate::cli::asker::{Asker, NoReply};
use crate::failover::role_of;
use crate::resp::Value;
use crate::topology::SeenRole;

/// A node that answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) is_primary: bool,
    /// Whom a replica follows.
    pub(crate) follows: Option<Address>,
    /// `min-replicas-to-write`, where it may be asked.
    pub(crate) min_replicas: Option<i64>,
}

/// A node that is of no use.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    NoReply(NoReply),
    Credentials(Credentials),
    /// It is a Sentinel, or answers ROLE in no way that a node does.
    NotANode(String),
}

impl From<NoReply> for Trouble {
    fn from(reason: NoReply) -> Trouble {
        Trouble::NoReply(reason)
    }
}

pub(crate) fn look(
    address: &Address,
    user: Option<&str>,
    password: Option<&Secret>,
    limit: Duration,
) -> Result<Seen, Trouble> {
    let mut asker = Asker::connect(address, limit)?;
    let greeting = asker.authenticate(user, password)?;
    if let Some(wrong) = Credentials::judge(&greeting) {
        return Err(Trouble::Credentials(wrong));
    }
    let role = asker.ask(&["ROLE"])?;
    if let Some(wrong) = Credentials::judge(&role) {
        return Err(Trouble::Credentials(wrong));
    }
    let (is_primary, follows) = read_role(&role)?;
    let config = asker.ask(&["CONFIG", "GET", "min-replicas-to-write"])?;
    let min_replicas = config.elements().and_then(|pair| pair.get(1)).and_then(Value::number);
    Ok(Seen { is_primary, follows, min_replicas })
}

fn read_role(reply: &Value) -> Result<(bool, Option<Address>), Trouble> {
    match role_of(reply) {
        Some(SeenRole::Primary) => Ok((true, None)),
        Some(SeenRole::Replica { of, .. }) => Ok((false, Some(of))),
        None => Err(Trouble::NotANode(no_node(reply))),
    }
}

/// Who answers ROLE like this.
fn no_node(reply: &Value) -> String {
    let first = reply.elements().and_then(|parts| parts.first()).and_then(Value::text);
    match reply {
        _ if first == Some("sentinel") => "it answers as a Sentinel".to_owned(),
        Value::Error(error) => format!("it answers ROLE with '{error}'"),
        _ => "it answers ROLE as no node does".to_owned(),
    }
}
