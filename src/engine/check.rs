//! The engine's invariants, as far as they can be seen from inside: for the simulation, which looks
//! after each turn. It changes nothing and is not called by a driver.

use std::collections::BTreeMap;

use super::Engine;
use super::clients::{Client, FLIGHT_MARK, OUTPUT_MARK};
use super::upstreams::{Expected, Lane, Owner, Pin, State, Upstream};
use crate::base::{ClientId, ShardId, UpstreamId};
use crate::command;

/// Bytes that one read of the driver, or one reply, may put on top of a mark.
const SLACK: usize = 512 * 1024;

type Checked = Result<(), String>;

fn must(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

impl Engine {
    /// # Errors
    /// The first invariant that does not hold, in words.
    pub fn check(&self) -> Checked {
        for (id, upstream) in self.upstreams.iter::<UpstreamId>() {
            self.check_upstream(id, upstream).map_err(|what| format!("{id:?}: {what}"))?;
        }
        for (id, client) in self.clients.iter::<ClientId>() {
            self.check_client(id, client).map_err(|what| format!("{id:?}: {what}"))?;
        }
        self.check_roads()?;
        self.check_owed()?;
        self.check_links()?;
        self.check_pins()?;
        self.check_monitors()?;
        self.hold.check()
    }

    /// Who watches is told of what happens, and nobody else.
    fn check_monitors(&self) -> Checked {
        for (id, client) in self.clients.iter::<ClientId>() {
            let told = self.monitors.has(client.pool, id);
            must(told == client.session.monitor.is_some(), || format!("{id:?} watches, or is told, alone"))?;
        }
        let gone = self.monitors.iter().find(|id| self.clients.get(*id).is_none());
        must(gone.is_none(), || format!("{gone:?} has gone and is told"))
    }

    /// Each pinned upstream is known to its client and the other way round, and no client has one that is
    /// not counted.
    fn check_pins(&self) -> Checked {
        let mut pins = vec![0; self.pools.len()];
        for (id, client) in self.clients.iter::<ClientId>() {
            let begun = client.session.transaction.as_ref();
            let watch = begun.and_then(|begun| begun.watch.as_ref());
            let in_multi = begun.is_some_and(|begun| begun.block.is_some());
            must((client.watching, client.in_multi) == (watch.is_some(), in_multi), || {
                format!("{id:?} does not know what it has begun")
            })?;
            let blocked = client.session.blocked.as_ref();
            must(blocked.is_none() || client.pause.has(super::clients::Pause::TURN), || {
                format!("{id:?} blocks and is looked at")
            })?;
            pins[usize::from(client.pool.0)] += usize::from(watch.is_some()) + usize::from(blocked.is_some());
            let own = |upstream: Option<UpstreamId>, pin: Pin| {
                upstream.is_none_or(|upstream| self.upstreams.get(upstream).is_some_and(|u| u.pin == pin))
            };
            let right = own(watch.and_then(|watch| watch.upstream), Pin::Watch(id))
                && own(blocked.and_then(|blocked| blocked.upstream), Pin::Block(id));
            must(right, || format!("{id:?} has an upstream that is not its own"))?;
        }
        for (id, upstream) in self.upstreams.iter::<UpstreamId>() {
            let session = |client| self.clients.get(client).map(|client| &client.session);
            let known = match upstream.pin {
                Pin::Nobody | Pin::Cleaning => true,
                Pin::Watch(client) => session(client).is_some_and(|session| {
                    let begun = session.transaction.as_ref();
                    begun.and_then(|begun| begun.watch.as_ref()).and_then(|watch| watch.upstream) == Some(id)
                }),
                Pin::Block(client) => session(client)
                    .is_some_and(|s| s.blocked.as_ref().and_then(|blocked| blocked.upstream) == Some(id)),
            };
            must(known, || format!("{id:?} is pinned for {:?}, who does not know it", upstream.pin))?;
        }
        for (pool, state) in self.pools.iter().enumerate() {
            must(state.pins == pins[pool], || format!("{} pins, {} counted", pins[pool], state.pins))?;
        }
        Ok(())
    }

    /// # Errors
    /// What is still under way, held or kept although nobody is owed anything.
    pub fn check_idle(&self) -> Checked {
        self.check()?;
        must(self.hold.is_empty(), || format!("{} requests are held", self.hold.len()))?;
        must(self.gathers.len() == 0, || format!("{} gathers are left", self.gathers.len()))?;
        must(self.waits.is_empty(), || "clients wait for replicas".into())?;
        must(self.inquiries.len() == 0, || "workers owe answers".into())?;
        must(self.waiting_streams.is_empty() && self.streams.is_empty(), || "streams wait".into())?;
        must(!self.unknown.is_waited_for(), || "clients wait for a name".into())?;
        must(self.crowded.is_empty(), || "clients wait for room in the hold".into())?;
        for (id, client) in self.clients.iter::<ClientId>() {
            must(client.replies.owed() == 0, || format!("{id:?} is owed replies"))?;
            must(client.output.is_empty(), || format!("{id:?} has output"))?;
            must(client.reading && !client.pause.any(), || {
                format!("{id:?} is not read: {:?}", client.pause)
            })?;
            must(client.stream.is_none(), || format!("{id:?} streams"))?;
        }
        for (id, upstream) in self.upstreams.iter::<UpstreamId>() {
            must(upstream.expected.is_empty(), || format!("{id:?} owes {:?}", upstream.expected))?;
            must(upstream.out.unanswered() == 0, || format!("{id:?} holds bytes of answered requests"))?;
            must(upstream.reading, || format!("{id:?} is not read"))?;
            must(!upstream.private && !upstream.resting && upstream.is_ready(), || {
                format!("{id:?} is {:?}", upstream.state)
            })?;
            must(upstream.waiting.is_empty(), || format!("clients wait for room in {id:?}"))?;
        }
        Ok(())
    }

    /// Invariant 1: the queue's lengths add up to what the replay buffer holds.
    fn check_upstream(&self, id: UpstreamId, upstream: &Upstream) -> Checked {
        let streamed = upstream.expected.front().is_some_and(|e| e.streamed);
        let owed: usize = upstream.expected.iter().map(|e| e.length as usize).sum();
        let kept = upstream.out.unanswered();
        must(if streamed { kept >= owed } else { kept == owed }, || {
            format!("{owed} bytes of requests, {kept} bytes kept: {:?}", upstream.expected)
        })?;
        must(upstream.waits.len() == upstream.expected.len(), || {
            "times and requests differ in number".into()
        })?;
        let limits = &self.topology.pool(upstream.pool).config.limits;
        let largest = upstream.expected.iter().map(|e| e.length as usize).max().unwrap_or(0);
        // Each client that is not paused yet may put one more request behind the mark.
        let bound = limits.upstream_buffer.as_usize() + (largest + SLACK) * (self.clients.len() + 1);
        must(kept <= bound, || format!("{kept} bytes unanswered, {bound} allowed"))?;
        let streams = upstream.expected.iter().filter(|e| e.streamed).count();
        must(streams <= usize::from(upstream.lane == Lane::Bulk), || "streams share an upstream".into())?;
        must(!upstream.uploading || streams == 1, || "uploads for nobody".into())?;
        let greeting = matches!(upstream.state, State::Connecting | State::Handshaking);
        let own = |owner: Owner| matches!(owner, Owner::Own(_));
        let early = |e: &Expected| own(e.owner) || command::row(e.row).serves_while_busy();
        must(!greeting || upstream.expected.iter().all(early), || "requests before ROLE".into())?;
        must(upstream.reading || upstream.expected.front().is_some(), || "paused for nobody".into())?;
        must(self.upstreams.get(id).is_some(), || "not in its place".into())
    }

    fn check_client(&self, id: ClientId, client: &Client) -> Checked {
        let limits = &self.topology.pool(client.pool).config.limits;
        let waiting = client.output.len() + client.replies.parked_bytes();
        let bound = limits.output_limit.as_usize().max(OUTPUT_MARK) + SLACK;
        must(waiting <= bound, || format!("{waiting} bytes of output, {bound} allowed"))?;
        must(client.replies.owed() <= FLIGHT_MARK + 1, || "too many requests in flight".into())?;
        let held = self.hold.of_client(id).len();
        must(client.held as usize == held, || format!("{held} held, {} counted", client.held))?;
        client.replies.check()
    }

    /// Invariant 5: what upstreams owe is what clients count, one road a client and shard.
    fn check_roads(&self) -> Checked {
        let mut owed: BTreeMap<(ClientId, ShardId), (UpstreamId, u32)> = BTreeMap::new();
        for (id, upstream) in self.upstreams.iter::<UpstreamId>() {
            for entry in &upstream.expected {
                let Some(owner) = self.owner_of(entry.owner) else { continue };
                if self.clients.get(owner.client()).is_none() {
                    continue;
                }
                let road = owed.entry((owner.client(), upstream.shard)).or_insert((id, 0));
                must(road.0 == id, || format!("two roads: {owner:?} on {id:?} and {:?}", road.0))?;
                road.1 += 1;
            }
        }
        for (id, client) in self.clients.iter::<ClientId>() {
            let counted: Vec<_> = client.roads.iter().collect();
            let here = owed.range((id, ShardId(0))..=(id, ShardId(u16::MAX)));
            let seen: Vec<_> = here.map(|((_, shard), (upstream, n))| (*shard, *upstream, *n)).collect();
            must(same(&counted, &seen), || format!("{id:?} counts {counted:?}, owed are {seen:?}"))?;
        }
        Ok(())
    }

    /// Every place that a client has reserved is owed by exactly one: an upstream, the hold, a gather, a
    /// stream; or its reply is parked.
    fn check_owed(&self) -> Checked {
        let mut owed: BTreeMap<ClientId, Vec<u32>> = BTreeMap::new();
        let mut owe = |client: ClientId, seq: u32| owed.entry(client).or_default().push(seq);
        for (_, upstream) in self.upstreams.iter::<UpstreamId>() {
            for entry in &upstream.expected {
                if let Owner::Client { client, seq } = entry.owner {
                    owe(client, seq);
                }
            }
        }
        for (_, held) in self.hold.iter() {
            if let super::road::HeldOwner::Client { client, seq } = held.owner {
                owe(client, seq);
            }
        }
        for gather in self.gathers.iter() {
            owe(gather.client, gather.seq);
        }
        for waiter in self.waits.iter() {
            owe(waiter.client, waiter.seq);
        }
        for open in self.inquiries.iter() {
            owe(open.client, open.seq);
        }
        for (id, client) in self.clients.iter::<ClientId>() {
            if let Some(blocked) = client.session.blocked.as_ref().filter(|blocked| blocked.owes()) {
                owe(id, blocked.seq);
            }
            if let Some(stream) = client.stream.as_ref().filter(|s| s.to == super::clients::StreamTo::Waiting)
            {
                owe(id, stream.seq);
            }
        }
        for (id, client) in self.clients.iter::<ClientId>() {
            if let Some(pending) = client.session.subscriber.as_ref().and_then(|s| s.pending.as_ref()) {
                owe(id, pending.seq);
            }
        }
        for (id, client) in self.clients.iter::<ClientId>() {
            let mut places = owed.remove(&id).unwrap_or_default();
            places.extend(client.replies.parked_places());
            let head = client.replies.head();
            places.sort_by_key(|seq| seq.wrapping_sub(head));
            let right = (0..client.replies.owed()).map(|n| head.wrapping_add(n));
            must(places.iter().copied().eq(right), || {
                format!("{id:?} is owed {} from {head}, found are {places:?}", client.replies.owed())
            })?;
        }
        Ok(())
    }

    /// Upstreams that serve are there, ready, and counted.
    fn check_links(&self) -> Checked {
        for (pool, state) in self.pools.iter().enumerate() {
            for (node, link) in &state.links {
                let all = self.upstreams.iter::<UpstreamId>();
                let mine = all.filter(|(_, u)| usize::from(u.pool.0) == pool && u.node == *node);
                let (counted, apart): (Vec<_>, Vec<_>) = mine.partition(|(_, u)| u.lane.is_counted());
                let (counted, apart) = (counted.len(), apart.len());
                must((link.count(), link.apart()) == (counted, apart), || {
                    format!(
                        "node {node}: {counted} and {apart} upstreams, {} and {} counted",
                        link.count(),
                        link.apart()
                    )
                })?;
                for id in &link.pinned {
                    let clean = self
                        .upstreams
                        .get(*id)
                        .is_some_and(|u| u.pin == Pin::Nobody && u.lane == Lane::Pinned);
                    must(clean, || format!("node {node}: {id:?} is in stock and somebody's"))?;
                }
                for (profile, serving) in link.iter() {
                    for id in serving.shared.iter().chain(&serving.bulk).chain(&serving.spare) {
                        let ready = self.upstreams.get(*id).is_some_and(|u| {
                            u.is_ready() && !u.private && u.profile_id == profile && u.switching.is_none()
                        });
                        must(ready, || format!("node {node}: {id:?} does not serve {profile:?}"))?;
                    }
                }
            }
            for (profile, routes) in state.all_routes() {
                for id in routes.primary.iter().chain(&routes.replicas) {
                    let ready = self.upstreams.get(*id);
                    let ready = ready.is_some_and(|u| u.takes_more() && u.profile_id == profile);
                    must(ready, || format!("{id:?} is routed to and does not serve {profile:?}"))?;
                }
            }
        }
        Ok(())
    }
}

fn same(a: &[(ShardId, UpstreamId, u32)], b: &[(ShardId, UpstreamId, u32)]) -> bool {
    let mut a = a.to_vec();
    a.sort_unstable();
    a == b
}
