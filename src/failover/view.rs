//! What do the Sentinels say about one shard, and which of them is to be believed?
//!
//! It only weighs words: epochs, counts and majorities. Whether the named node answers, and what a
//! change of belief means, is `next`'s. Nothing here remembers who is believed; the caller says so.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::base::{Address, Time};
use crate::topology::SentinelView;

/// How long a Sentinel's word counts after it was last heard, and how far back the size of the group
/// is looked for: longer than any refresh, short enough that a Sentinel that left is not counted.
const WORD_LASTS: Duration = Duration::from_secs(60);

/// Sentinels remembered per shard. Groups have three to seven; what comes beyond this is not a group,
/// and is not listened to.
const SENTINELS_MAX: usize = 64;

/// A primary and the config epoch under which it was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    pub primary: Address,
    pub epoch: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// Nobody says anything that would change what is believed.
    Stays,
    /// This primary is to be believed.
    Names(Named),
    /// A lower epoch than the believed one, named by a majority: the Sentinels were reset.
    WereReset(Named),
    /// One epoch, different addresses, and none that most of them name: what was believed stays, and
    /// somebody should look.
    Disputed { epoch: u64, primaries: Vec<Address> },
}

/// The latest word of each Sentinel about one shard.
#[derive(Clone, Debug, Default)]
pub struct Views {
    by_sentinel: BTreeMap<String, SentinelView>,
    /// Sizes of the group as reported, oldest first, each larger than all that came after it: the
    /// front is the largest of the last minute.
    group_sizes: VecDeque<(Time, usize)>,
}

impl Views {
    /// Takes in one Sentinel's word; a word older than what it said before is dropped.
    pub fn heard(&mut self, view: &SentinelView, now: Time) {
        self.by_sentinel.retain(|_, v| now.since(v.at) < WORD_LASTS);
        let known = self.by_sentinel.get(&view.sentinel);
        if known.is_some_and(|k| k.at > view.at) {
            return;
        }
        if known.is_none() && self.by_sentinel.len() >= SENTINELS_MAX {
            return;
        }
        self.by_sentinel.insert(view.sentinel.clone(), view.clone());
        // Clipped so that nobody's imagination can grow the queue.
        let size = view.other_sentinels.min(SENTINELS_MAX) + 1;
        while self.group_sizes.back().is_some_and(|(_, s)| *s <= size) {
            self.group_sizes.pop_back();
        }
        self.group_sizes.push_back((view.at, size));
        while self.group_sizes.front().is_some_and(|(at, _)| now.since(*at) >= WORD_LASTS) {
            self.group_sizes.pop_front();
        }
    }

    /// Words that still count.
    pub fn live(&self, now: Time) -> impl Iterator<Item = &SentinelView> {
        self.by_sentinel.values().filter(move |v| now.since(v.at) < WORD_LASTS)
    }

    /// Whether any Sentinel still names this node, as a primary or a replica.
    pub fn name(&self, address: &Address, now: Time) -> bool {
        self.live(now).any(|v| v.primary == *address || v.replicas.contains(address))
    }

    /// The longest `down-after` that is reported.
    pub fn down_after(&self, now: Time) -> Duration {
        self.live(now).map(|v| v.down_after).max().unwrap_or_default()
    }

    /// How many Sentinels make a majority: of the largest group reported in the last minute, for
    /// `SENTINEL RESET` lets a Sentinel forget the others for seconds.
    pub fn majority(&self, now: Time) -> usize {
        let recent = self.group_sizes.iter().filter(|(at, _)| now.since(*at) < WORD_LASTS);
        let group = recent.map(|(_, size)| *size).max().unwrap_or(1);
        group / 2 + 1
    }

    /// Who is to be believed, when `believed` is believed now.
    pub fn judge(&self, believed: Option<&Named>, now: Time) -> Judgement {
        let Some(top) = self.live(now).map(|v| v.config_epoch).max() else { return Judgement::Stays };
        match believed {
            // While anybody still tells the believed epoch or a higher one, a lower one is only a
            // Sentinel that has not heard yet.
            Some(b) if top < b.epoch => self.judge_reset(now),
            Some(b) => self.judge_epoch(top, now).unless_it_is(b),
            None => self.judge_epoch(top, now),
        }
    }

    /// The highest epoch wins, whoever tells it; within it the address that most name.
    fn judge_epoch(&self, epoch: u64, now: Time) -> Judgement {
        let votes = self.votes(epoch, now);
        let most = votes.values().copied().max().unwrap_or_default();
        let mut leading = votes.iter().filter(|(_, count)| **count == most);
        match (leading.next(), leading.next()) {
            (Some((primary, _)), None) => Judgement::Names(Named { primary: (*primary).clone(), epoch }),
            _ => Judgement::Disputed { epoch, primaries: votes.keys().map(|a| (*a).clone()).collect() },
        }
    }

    fn judge_reset(&self, now: Time) -> Judgement {
        let majority = self.majority(now);
        let mut epochs: Vec<u64> = self.live(now).map(|v| v.config_epoch).collect();
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        epochs.dedup();
        for epoch in epochs {
            let votes = self.votes(epoch, now);
            if let Some((primary, _)) = votes.into_iter().find(|(_, count)| *count >= majority) {
                return Judgement::WereReset(Named { primary: primary.clone(), epoch });
            }
        }
        Judgement::Stays
    }

    /// Who is named under an epoch, by how many. A Sentinel in TILT is heard, but does not count.
    fn votes(&self, epoch: u64, now: Time) -> BTreeMap<&Address, usize> {
        let mut votes = BTreeMap::new();
        for view in self.live(now).filter(|v| v.config_epoch == epoch) {
            *votes.entry(&view.primary).or_default() += usize::from(!view.tilt);
        }
        votes
    }
}

impl Judgement {
    /// What is believed already is no news.
    fn unless_it_is(self, believed: &Named) -> Judgement {
        match self {
            Judgement::Names(named) if named == *believed => Judgement::Stays,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PoolId, ShardId};

    const NOW: Time = Time::from_millis(1_000_000);

    fn address(port: u16) -> Address {
        Address::new("10.0.0.1", port)
    }

    fn named(port: u16, epoch: u64) -> Option<Named> {
        Some(Named { primary: address(port), epoch })
    }

    fn view(sentinel: &str, port: u16, epoch: u64) -> SentinelView {
        SentinelView {
            pool: PoolId(0),
            shard: ShardId(0),
            sentinel: sentinel.to_owned(),
            primary: address(port),
            config_epoch: epoch,
            replicas: Vec::new(),
            tilt: false,
            other_sentinels: 2,
            down_after: Duration::from_secs(5),
            at: NOW,
        }
    }

    fn tilt(view: SentinelView) -> SentinelView {
        SentinelView { tilt: true, ..view }
    }

    fn ago(seconds: u64, view: SentinelView) -> SentinelView {
        SentinelView { at: NOW - Duration::from_secs(seconds), ..view }
    }

    fn views(said: &[SentinelView]) -> Views {
        let mut views = Views::default();
        for view in said {
            views.heard(view, view.at);
        }
        views
    }

    fn check(said: &[SentinelView], believed: Option<Named>, expected: Judgement) {
        assert_eq!(views(said).judge(believed.as_ref(), NOW), expected, "{said:#?}");
    }

    fn names(port: u16, epoch: u64) -> Judgement {
        Judgement::Names(Named { primary: address(port), epoch })
    }

    fn reset(port: u16, epoch: u64) -> Judgement {
        Judgement::WereReset(Named { primary: address(port), epoch })
    }

    fn disputed(epoch: u64, ports: &[u16]) -> Judgement {
        Judgement::Disputed { epoch, primaries: ports.iter().map(|p| address(*p)).collect() }
    }

    #[test]
    fn the_highest_epoch_wins_whoever_tells_it() {
        check(&[], None, Judgement::Stays);
        check(&[], named(1, 4), Judgement::Stays);
        check(&[view("a", 1, 0)], None, names(1, 0));
        check(&[view("a", 1, 4), view("b", 1, 4)], named(1, 4), Judgement::Stays);
        check(&[view("a", 1, 4), view("b", 1, 4), view("c", 2, 5)], named(1, 4), names(2, 5));
        check(&[view("a", 1, 4), view("b", 1, 4), tilt(view("c", 2, 5))], named(1, 4), names(2, 5));
        check(&[view("a", 1, 5)], named(1, 4), names(1, 5));
    }

    #[test]
    fn a_sentinel_that_has_not_heard_yet_takes_nothing_back() {
        check(&[view("a", 1, 4), view("b", 1, 4), view("c", 2, 5)], named(2, 5), Judgement::Stays);
        check(&[view("a", 1, 4)], named(2, 5), Judgement::Stays);
    }

    #[test]
    fn under_one_epoch_most_decide_and_without_a_most_the_believed_stays() {
        check(&[view("a", 1, 5), view("b", 2, 5), view("c", 2, 5)], named(1, 5), names(2, 5));
        check(&[view("a", 1, 5), view("b", 2, 5), view("c", 1, 5)], named(1, 5), Judgement::Stays);
        check(&[view("a", 1, 5), view("b", 2, 5)], named(1, 5), disputed(5, &[1, 2]));
        check(&[view("a", 1, 5), view("b", 2, 5)], None, disputed(5, &[1, 2]));
        check(&[view("a", 2, 6), view("b", 3, 6)], named(1, 5), disputed(6, &[2, 3]));
        check(&[view("a", 1, 5), tilt(view("b", 2, 5))], named(2, 5), names(1, 5));
        check(&[tilt(view("a", 1, 5)), tilt(view("b", 2, 5))], named(2, 5), disputed(5, &[1, 2]));
    }

    #[test]
    fn a_lower_epoch_needs_a_majority_of_the_largest_group_of_the_last_minute() {
        check(&[view("a", 1, 0), view("b", 1, 0)], named(2, 5), reset(1, 0));
        check(&[view("a", 1, 0), tilt(view("b", 1, 0))], named(2, 5), Judgement::Stays);
        check(&[view("a", 1, 0), view("b", 3, 0)], named(2, 5), Judgement::Stays);
        check(&[view("a", 1, 2), view("b", 1, 0), view("c", 1, 0)], named(2, 5), reset(1, 0));
        let alone = SentinelView { other_sentinels: 0, ..view("a", 1, 0) };
        check(std::slice::from_ref(&alone), named(2, 5), reset(1, 0));
        check(&[ago(30, view("a", 1, 0)), alone.clone()], named(2, 5), Judgement::Stays);
        check(&[ago(61, view("a", 1, 0)), alone], named(2, 5), reset(1, 0));
    }

    #[test]
    fn a_word_counts_for_a_minute_and_the_latest_word_only() {
        check(&[ago(61, view("c", 2, 5)), view("a", 1, 4)], None, names(1, 4));
        check(&[ago(59, view("c", 2, 5)), view("a", 1, 4)], None, names(2, 5));
        check(&[ago(2, view("a", 2, 5)), view("a", 1, 4)], None, names(1, 4));
        let mut late = views(&[view("a", 1, 4)]);
        late.heard(&ago(2, view("a", 2, 5)), NOW);
        assert_eq!(late.judge(None, NOW), names(1, 4));
    }

    #[test]
    fn the_size_of_the_group_is_the_largest_of_the_last_minute() {
        let of = |seconds, others| ago(seconds, SentinelView { other_sentinels: others, ..view("a", 1, 0) });
        for (said, majority) in [
            (vec![], 1),
            (vec![of(0, 0)], 1),
            (vec![of(0, 2)], 2),
            (vec![of(50, 4), of(40, 2), of(0, 0)], 3),
            (vec![of(70, 4), of(40, 2), of(0, 0)], 2),
            (vec![of(0, usize::MAX)], 33),
        ] {
            assert_eq!(views(&said).majority(NOW), majority, "{said:?}");
        }
    }

    #[test]
    fn strangers_without_end_are_not_remembered() {
        let crowd: Vec<_> = (0..1000).map(|n| view(&n.to_string(), 1, 0)).collect();
        assert_eq!(views(&crowd).live(NOW).count(), SENTINELS_MAX);
    }
}
