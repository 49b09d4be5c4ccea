//! Which role does a node have, whatever it claims; which replica may serve reads; and, where no
//! Sentinel decides, which of several nodes that claim to be primary is one.

use core::time::Duration;

use crate::base::{Address, NodeId, ShardId, Time};
use crate::topology::{Health, Node, NodeState, Pool, Role, SeenRole};

use super::beliefs::{NodeBeliefs, PoolBeliefs};

/// Replicas' links go down within milliseconds of their primary's death. So that a crash does not
/// stop all reads, a replica that was linked goes on serving for this long, unless the primary is
/// seen alive while the link stays down.
const READS_WITHOUT_PRIMARY: Duration = Duration::from_secs(60);

/// An address as announced by a Redis or a Sentinel, turned into the one to connect to: a rule for
/// `HOST:PORT` goes before one for the host alone, and the port stays where none is given.
pub fn mapped(address_map: &[(String, String)], announced: &Address) -> Address {
    let whole = announced.to_string();
    let rule = address_map
        .iter()
        .find(|(from, _)| *from == whole)
        .or_else(|| address_map.iter().find(|(from, _)| bare(from) == announced.host));
    match rule {
        None => announced.clone(),
        Some((_, to)) => to.parse().unwrap_or_else(|_| Address::new(bare(to), announced.port)),
    }
}

/// A host without the brackets of an IPv6 literal.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

/// Whether `of`, as a replica tells it, is this node: the same words, or the same socket.
fn is(pool: &Pool, of: &Address, node: &Node) -> bool {
    let of = mapped(&pool.config.address_map, of);
    of == node.address || (node.socket.is_some() && of.literal() == node.socket)
}

/// Whether the node says that it follows `primary`.
pub(super) fn follows(pool: &Pool, beliefs: &NodeBeliefs, primary: &Node) -> bool {
    matches!(&beliefs.claim, Some((SeenRole::Replica { of, .. }, _)) if is(pool, of, primary))
}

/// The role that a node has now.
pub(super) fn role(pool: &Pool, node: &Node, beliefs: &NodeBeliefs) -> Role {
    let Some(primary) = pool.primary(node.shard) else {
        return match beliefs.claim {
            Some((SeenRole::Replica { .. }, _)) => Role::Replica,
            _ => Role::Unknown,
        };
    };
    if primary.id == node.id {
        return Role::Primary;
    }
    // Who was a primary stays deposed until it is seen following the one that is believed now.
    let was_primary = matches!(node.role, Role::Primary | Role::Deposed);
    match beliefs.claim {
        Some((SeenRole::Replica { .. }, _)) if follows(pool, beliefs, primary) => Role::Replica,
        Some((SeenRole::Primary, _)) => Role::Deposed,
        _ if was_primary => Role::Deposed,
        Some((SeenRole::Replica { .. }, _)) => Role::Replica,
        None => Role::Unknown,
    }
}

/// Whether a replica may serve reads. `node.role` and `node.health` are those of now.
pub(super) fn serves_reads(pool: &Pool, node: &Node, beliefs: &PoolBeliefs, now: Time) -> bool {
    let (Some(primary), Some(own)) = (pool.primary(node.shard), beliefs.nodes.get(&node.id)) else {
        return false;
    };
    let healthy = matches!(node.health, Health::Up | Health::Suspect);
    node.role == Role::Replica
        && node.state == NodeState::Ready
        && healthy
        && follows(pool, own, primary)
        && linked(own, beliefs.nodes.get(&primary.id), now)
}

fn linked(own: &NodeBeliefs, primary: Option<&NodeBeliefs>, now: Time) -> bool {
    let Some(down_since) = own.link_down else { return own.link_up.is_some() };
    let was_up = own.link_up.is_some_and(|up| now.since(up) < READS_WITHOUT_PRIMARY);
    let primary_answered = primary.and_then(|p| p.answered);
    was_up && primary_answered.is_none_or(|answered| answered <= down_since)
}

/// The primary of a shard of a static pool, as far as its nodes tell; `None` changes nothing.
pub(super) fn elect(pool: &Pool, shard: ShardId, beliefs: &PoolBeliefs) -> Option<NodeId> {
    let believed = pool.shard(shard).primary;
    let members = || pool.members(shard).filter_map(|n| Some((n, beliefs.nodes.get(&n.id)?)));
    // At the start nobody is preferred for having answered first.
    if believed.is_none() && !members().all(|(n, b)| b.was_heard(n.health)) {
        return None;
    }
    let claims = |n: &Node, b: &NodeBeliefs| b.claims_primary() && n.health != Health::Down;
    let claimants: Vec<&Node> = members().filter(|(n, b)| claims(n, b)).map(|(n, _)| n).collect();
    match claimants.as_slice() {
        [] => None,
        // The believed one does not claim it any more, or is down: nobody contradicts.
        [only] => Some(only.id),
        several => {
            let others: Vec<&NodeBeliefs> =
                members().filter(|(n, b)| !claims(n, b)).map(|(_, b)| b).collect();
            let followed = |candidate: &&&Node| {
                others.iter().filter(|b| follows(pool, b, candidate)).count() * 2 > others.len()
            };
            several.iter().find(followed).map(|n| n.id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_addresses_become_those_to_connect_to() {
        let map: Vec<(String, String)> = [
            ("172.17.0.3", "10.0.0.1"),
            ("172.17.0.3:6380", "10.0.0.2:7000"),
            ("redis-a", "[fd00::1]"),
            ("[fd00::2]", "redis-b"),
        ]
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .to_vec();
        for (from, to) in [
            ("172.17.0.3:6379", "10.0.0.1:6379"),
            ("172.17.0.3:6380", "10.0.0.2:7000"),
            ("redis-a:6379", "[fd00::1]:6379"),
            ("[fd00::2]:6379", "redis-b:6379"),
            ("172.17.0.4:6379", "172.17.0.4:6379"),
        ] {
            assert_eq!(mapped(&map, &from.parse().unwrap()).to_string(), to, "{from}");
        }
    }
}
