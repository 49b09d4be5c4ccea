//! What may take long goes apart: each node has, for each worker and profile, one upstream of the slow lane,
//! made when the first request asks for it.
//!
//! ```text
//!   A: EVALSHA ──────────────► slow    ──┐
//!   B: GET ──────────────────► shared  ──┤ node
//!   C: GET, EVALSHA, GET ────► shared  ──┘    (one pipeline: one road)
//! ```
//!
//! A node runs one thing at a time, so nothing becomes quicker by this. It is for scripts that do not end: what
//! stands behind one on the same connection is not read before it is killed, whereas a busy node tells every
//! other connection that it is busy, and takes SCRIPT KILL there. The road of a client comes first, whichever
//! lane it is: while replies of a shard are owed, the next request takes the same upstream, so a pipeline that
//! mixes scripts with other requests never waits for a change of lanes.
//!
//! What it costs whoever uses many short scripts was measured beside one upstream for all, one worker, a CPU time
//! of Ketch in µs a request (before, after; median of three): EVALSHA alone at pipeline 1 6.3, 6.3; at pipeline 16
//! 0.70, 0.70; GET and EVALSHA of different clients at pipeline 1 7.1, 6.2, at 16 0.60, 0.60; pipelines of 50 pairs of
//! EVALSHA and GET 0.31, 0.37, within what two runs of the same program differ.

use super::Ready;
use crate::base::{ClientId, UpstreamId};
use crate::command::Row;
use crate::engine::Engine;
use crate::engine::road::Why;
use crate::engine::upstreams::{Lane, State, Upstream};

impl Engine {
    /// What was chosen for a request, or its node's slow lane.
    #[inline]
    pub(in crate::engine) fn in_lane(
        &mut self,
        client: ClientId,
        row: &Row,
        chosen: Result<UpstreamId, Why>,
    ) -> Result<UpstreamId, Why> {
        match chosen {
            Ok(shared) if row.is_slow() => self.slow_lane(client, row, shared),
            _ => chosen,
        }
    }

    fn slow_lane(&mut self, client: ClientId, row: &Row, shared: UpstreamId) -> Result<UpstreamId, Why> {
        let Some(upstream) = self.upstreams.get(shared) else { return Ok(shared) };
        let has_road = self.clients.get(client).is_none_or(|c| c.roads.get(upstream.shard).is_some());
        if has_road || upstream.lane != Lane::Shared {
            return Ok(shared);
        }
        let (pool, node, profile) = (upstream.pool, upstream.node, upstream.profile);
        let number = upstream.profile_id;
        let link = self.pools[usize::from(pool.0)].links.get(&node);
        let ready: Option<&Ready> = link.and_then(|link| link.of(number));
        if let Some(slow) = ready.and_then(|ready| ready.slow) {
            let serves = |u: &Upstream| u.takes_more() && (row.any_node() || u.may_write());
            let serves = self.upstreams.get(slow).is_some_and(serves);
            return if serves { Ok(slow) } else { Err(Why::Connecting) };
        }
        let mine =
            |u: &Upstream| u.lane == Lane::Slow && u.pool == pool && u.node == node && u.profile_id == number;
        let Some((_, other)) = self.upstreams.iter::<UpstreamId>().find(|(_, u)| mine(u)) else {
            // Where there is no room for one more, the shared one is good enough.
            return match self.connect(pool, node, Lane::Slow, profile) {
                Some(_) => Err(Why::Connecting),
                None => Ok(shared),
            };
        };
        // A script does not end on it, or keeps it from being greeted: on the shared one the node says so.
        let coming = matches!(other.state, State::Connecting | State::Handshaking) && other.busy.is_none();
        if coming { Err(Why::Connecting) } else { Ok(shared) }
    }
}
