//! What may be sent where, and how often; and what nodes executed of it.

use ketch::internals::base::{NodeId, UpstreamId};
use ketch::internals::topology::Role;

use super::model::{Ledger, ids};
use super::node::{Done, Request, is_own, is_write};
use super::world::World;

impl World {
    /// A block is sent once its EXEC is: before, the node does nothing with it.
    pub(crate) fn given(
        &mut self,
        site: usize,
        id: UpstreamId,
        node: usize,
        role: Option<bool>,
        request: Request,
    ) {
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        let block = &mut self.sites[site].upstreams.get_mut(&id).expect("it is there").given_block;
        match name.as_str() {
            "MULTI" => *block = Some(Vec::new()),
            "EXEC" => {
                let block = block.take().expect("EXEC behind MULTI");
                block.iter().for_each(|request| self.check_sent(site, node, role, request));
            }
            _ => match block {
                Some(block) => block.push(request),
                None => self.check_sent(site, node, role, &request),
            },
        }
    }

    /// What may be sent where.
    fn check_sent(&mut self, site: usize, node: usize, role: Option<bool>, request: &Request) {
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        if is_own(&name) {
            return;
        }
        let pool = &self.sites[site].topology.pools[0];
        let known = pool.node(NodeId(node as u32));
        assert!(known.is_none_or(|n| n.role != Role::Deposed), "{name} was sent to a deposed node");
        if !is_write(&name) {
            return;
        }
        assert_eq!(role, Some(true), "{name} was sent where ROLE did not say master");
        let primary = pool.shards[self.nodes[node].shard].primary;
        assert!(known.is_none() || primary == Some(NodeId(node as u32)), "{name} was sent to a replica");
        for id in ids(request) {
            let record = self.ledger.entry(id).or_default();
            record.sent += 1;
            assert!(record.sent <= record.refused + 1, "write {id} was sent twice: {record:?}");
        }
    }
}

pub(crate) fn note_executed(ledger: &mut Ledger, request: &Request, done: &Done) {
    for id in ids(request) {
        let record = ledger.entry(id).or_default();
        if done.refused {
            record.refused += 1;
        } else if !done.changed.is_empty() {
            record.executed += 1;
            assert!(record.executed <= 1, "write {id} was executed twice");
        }
    }
}
