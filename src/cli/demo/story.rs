//! The story of a demo: sees through the Sentinels when a shard has another primary, and tells what
//! it was like for the clients, in one sentence.
//!
//! It sees every failover, also one that somebody asked a Sentinel for by hand.

use core::time::Duration;
use std::time::Instant;

use crate::cli::demo::stage::Stage;
use crate::lab::{Counts, Server, Shard};

/// A failover that takes longer is reported as one that did not come.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Story<'a> {
    stage: &'a Stage,
    scenes: Vec<Scene>,
    /// The shard whose primary is killed next.
    turn: usize,
    failovers: u32,
    /// Failovers that did not come.
    missing: u32,
    /// When the measuring of the present window began, and what had been counted then.
    before: Counts,
    /// By shard.
    held_before: Vec<Option<u64>>,
}

/// One shard.
struct Scene {
    /// The port of the primary that the Sentinels name.
    primary: Option<u16>,
    state: State,
}

/// calm ──► broken (we killed the primary) ──► moved (another one is named) ──► calm
#[derive(Clone, Copy)]
enum State {
    Calm,
    Broken { since: Instant },
    Moved { since: Instant },
}

impl<'a> Story<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Story<'a> {
        let port = |shard| stage.group.named(shard).map(Server::port);
        let scene = |shard| Scene { primary: port(shard), state: State::Calm };
        let scenes = (0..stage.group.shards().len()).map(scene).collect();
        let mut story = Story {
            stage,
            scenes,
            turn: 0,
            failovers: 0,
            missing: 0,
            before: Counts::default(),
            held_before: Vec::new(),
        };
        story.start_window();
        story
    }

    /// The next shard in turn that is whole enough to lose its primary.
    pub(crate) fn next_victim(&mut self) -> Option<(&'a Shard, &'a Server)> {
        let shards = self.scenes.len();
        for index in (0..shards).map(|i| (self.turn + i) % shards) {
            let primary = self.stage.group.primary(index);
            let calm = matches!(self.scenes[index].state, State::Calm);
            if let (Some(primary), true) = (primary, calm && !self.stage.group.replicas(index).is_empty()) {
                self.turn = index + 1;
                self.scenes[index].state = State::Broken { since: Instant::now() };
                return Some((&self.stage.group.shards()[index], primary));
            }
        }
        None
    }

    /// To be called just before something is broken: counts begin here, unless another failover is
    /// still being measured.
    pub(crate) fn before_fault(&mut self) {
        if self.unfinished().len() <= 1 {
            self.start_window();
        }
    }

    /// Looks at each shard. True if a failover has ended.
    pub(crate) fn look(&mut self) -> bool {
        let shards = 0..self.scenes.len();
        shards.filter(|&shard| self.look_at(shard)).count() > 0
    }

    /// Sums everything up. True if nothing was lost, invented or executed twice, something was
    /// written, and each failover came.
    pub(crate) fn end(&mut self) -> bool {
        let counts = self.stage.with_traffic(|traffic| traffic.stop());
        let verdict = self.stage.verify();
        for example in &verdict.examples {
            println!("found     {example}");
        }
        if verdict.unread > 0 {
            println!("unread    {} keys could not be read at the end", verdict.unread);
        }
        let counts = counts.map(|_| self.stage.counts());
        let unfinished = self.unfinished();
        for shard in &unfinished {
            println!("failover of {shard}: not over at the end");
        }
        let told = counts.clone().unwrap_or_default();
        for error in &told.errors {
            println!("error     {error}");
        }
        println!("{} failovers, {told}", self.failovers);
        let clean = counts.is_none_or(|counts| counts.is_clean() && counts.acknowledged > 0);
        clean && verdict.unread == 0 && self.missing == 0 && unfinished.is_empty()
    }

    /// Shards whose failover is still under way.
    fn unfinished(&self) -> Vec<&'a str> {
        let shards = self.stage.group.shards().iter().zip(&self.scenes);
        shards
            .filter(|(_, scene)| !matches!(scene.state, State::Calm))
            .map(|(shard, _)| shard.name())
            .collect()
    }

    fn look_at(&mut self, shard: usize) -> bool {
        let named = self.stage.group.named(shard).map(Server::port);
        let scene = &mut self.scenes[shard];
        if named.is_some() && named != scene.primary {
            scene.primary = named;
            scene.state = State::Moved { since: Instant::now() };
        }
        let state = scene.state;
        match state {
            State::Calm => false,
            State::Broken { since } => self.give_up_after(shard, since),
            State::Moved { since } if self.writes_go_on(since) => {
                self.scenes[shard].state = State::Calm;
                self.failovers += 1;
                self.tell(shard);
                true
            }
            State::Moved { since } => self.give_up_after(shard, since),
        }
    }

    fn writes_go_on(&self, since: Instant) -> bool {
        let written = self.stage.with_traffic(|t| t.is_paused() || t.all_have_written_since(since));
        written.unwrap_or(true)
    }

    fn give_up_after(&mut self, shard: usize, since: Instant) -> bool {
        if since.elapsed() < PATIENCE {
            return false;
        }
        let name = self.stage.group.shards()[shard].name();
        println!("failover of {name}: not over after {} s", PATIENCE.as_secs());
        self.scenes[shard].state = State::Calm;
        self.missing += 1;
        true
    }

    fn tell(&mut self, shard: usize) {
        let counted = self.stage.counts();
        let verdict = self.stage.verify();
        // The gap was read before the check: resting writers are no gap.
        let mut counts = self.stage.counts().since(&self.before);
        counts.longest_gap = counted.longest_gap;
        let name = self.stage.group.shards()[shard].name();
        let before = self.held_before.get(shard).copied().flatten();
        let held = self.stage.held(name).zip(before).map(|(now, then)| now.saturating_sub(then));
        println!("{}", sentence(name, &counts, held));
        for example in &verdict.examples {
            println!("found     {example}");
        }
        // Failovers at the same time are measured together: what one of them cost can't be told apart.
        if self.unfinished().is_empty() {
            self.start_window();
        }
    }

    fn start_window(&mut self) {
        self.before = self.stage.with_traffic(|traffic| traffic.start_window()).unwrap_or_default();
        let shards = self.stage.group.shards().iter();
        self.held_before = shards.map(|shard| self.stage.held(shard.name())).collect();
    }
}

fn sentence(shard: &str, counts: &Counts, held: Option<u64>) -> String {
    let held = held.map(|n| format!(" · {}", number(n, "request held", "requests held"))).unwrap_or_default();
    format!(
        "failover of {shard}: {:.1} s without writes{held} · {} lost · {} · {}",
        counts.longest_gap.as_secs_f64(),
        counts.lost,
        number(counts.client_errors(), "client error", "client errors"),
        number(counts.unknown, "outcome unknown", "outcomes unknown"),
    )
}

fn number(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_is_told_in_one_sentence() {
        let counts = Counts { unknown: 1, longest_gap: Duration::from_millis(2345), ..Counts::default() };
        assert_eq!(
            sentence("shard1", &counts, Some(41)),
            "failover of shard1: 2.3 s without writes · 41 requests held · 0 lost · 0 client errors · 1 outcome unknown"
        );
        assert_eq!(
            sentence("shard2", &Counts::default(), None),
            "failover of shard2: 0.0 s without writes · 0 lost · 0 client errors · 0 outcomes unknown"
        );
    }
}
