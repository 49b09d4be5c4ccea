//! `ketch check --connect`: asks every Sentinel and node once, and explains what stands in the way.
//!
//! - `sentinel`, `node`: what one server says
//! - `explain`: what that means, in words
//! - here: whom to ask, and what the answers of several mean together
//!
//! It judges what it sees at one moment: during a failover it may tell of a state that is over soon.

mod explain;
pub(super) mod node;
pub(super) mod sentinel;

use std::thread;

use self::node::Seen;
use self::sentinel::{Master, Replica, Told};
use crate::base::Address;
use crate::config::{Code, Config, Diagnostic, PoolConfig, ShardConfig, SourceConfig, nearest};
use crate::failover::mapped;
use crate::resp::Value;

/// Servers that are asked at once.
const AT_ONCE: usize = 32;

/// A password or user that does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Credentials {
    /// It wants some, none are given.
    Missing,
    Wrong,
    /// Some are given, it has none.
    NotNeeded,
    /// The user is right, but may not do this.
    MayNot(String),
}

impl Credentials {
    /// What a reply says about them; `None` if they are fine.
    fn judge(reply: &Value) -> Option<Credentials> {
        let Value::Error(error) = reply else { return None };
        let code = error.split(' ').next().unwrap_or_default();
        match code {
            "NOAUTH" => Some(Credentials::Missing),
            "WRONGPASS" => Some(Credentials::Wrong),
            "NOPERM" => Some(Credentials::MayNot(error.clone())),
            "ERR" if error.contains("without any password") || error.contains("no password is set") => {
                Some(Credentials::NotNeeded)
            }
            // Before version 6.
            "ERR" if error.contains("invalid password") => Some(Credentials::Wrong),
            _ => None,
        }
    }
}

/// Asks everything that the configuration names. `text` is the file, to point into.
pub(super) fn ask(config: &Config, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for pool in &config.pools {
        let mut asked = Asked { pool, text, found: Vec::new() };
        match &pool.source {
            SourceConfig::Sentinel(sentinels) => asked.by_sentinels(sentinels),
            SourceConfig::Static => pool.shards.iter().for_each(|shard| asked.by_nodes(shard)),
        }
        found.append(&mut asked.found);
    }
    found
}

/// One pool being asked.
struct Asked<'a> {
    pool: &'a PoolConfig,
    text: &'a str,
    found: Vec<Diagnostic>,
}

/// Runs a question for each item, many at once, and keeps their order.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], question: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut answers = Vec::new();
    for some in items.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|item| scope.spawn(|| question(item))).collect();
            answers.extend(asked.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    answers
}

impl Asked<'_> {
    fn by_sentinels(&mut self, sentinels: &[Address]) {
        let names: Vec<&str> = self.pool.shards.iter().map(|shard| shard.master.as_str()).collect();
        let answers = in_parallel(sentinels, |address| {
            sentinel::look(address, &self.pool.auth, &names, self.pool.timeouts.connect)
        });
        let mut told: Vec<(&Address, Told)> = Vec::new();
        for (address, answer) in sentinels.iter().zip(answers) {
            match answer {
                Ok(answer) => told.push((address, answer)),
                Err(trouble) => self.found.push(explain::sentinel(self.pool, self.text, address, &trouble)),
            }
        }
        for shard in &self.pool.shards {
            self.shard(shard, &told);
        }
    }

    fn shard(&mut self, shard: &ShardConfig, told: &[(&Address, Told)]) {
        let unknowing: Vec<&(&Address, Told)> =
            told.iter().filter(|(_, told)| !told.names.contains(&shard.master)).collect();
        if let Some((_, first)) = unknowing.first() {
            self.found.push(self.unknown_master(shard, &unknowing, first));
        }
        let views: Vec<(&Address, &Master)> = told
            .iter()
            .filter_map(|(at, told)| Some((*at, told.masters.iter().find(|m| m.name == shard.master)?)))
            .collect();
        self.quorum(shard, &views);
        let Some(view) = believed(&views) else { return };
        let others: Vec<_> = views.iter().filter(|(_, other)| other.announced != view.announced).collect();
        if let Some((at, other)) = others.first() {
            self.found.push(
                Diagnostic::warning(
                    Code::Disagreement,
                    format!("the Sentinels disagree about '{}'", shard.name),
                )
                .at(explain::span(self.text, &shard.master))
                .note(format!("{at} names {}, the newest view {}", other.announced, view.announced))
                .help("during a failover that is usual; if it stays, compare SENTINEL MASTER on each"),
            );
        }
        let naming = views.iter().filter(|(_, other)| other.announced == view.announced).count();
        let by = format!("{naming} of {} Sentinels", views.len());
        self.nodes(shard, view, &by);
    }

    fn unknown_master(&self, shard: &ShardConfig, at: &[&(&Address, Told)], first: &Told) -> Diagnostic {
        let where_from: Vec<String> = at.iter().map(|(address, _)| address.to_string()).collect();
        let who = match where_from.as_slice() {
            [one] => format!("Sentinel {one} knows"),
            many => format!("Sentinels {} know", many.join(", ")),
        };
        let diagnostic =
            Diagnostic::error(Code::UnknownMaster, format!("{who} no master '{}'", shard.master))
                .at(explain::span(self.text, &shard.master));
        if first.names.is_empty() {
            return diagnostic
                .note(format!("{} knows none at all", at[0].0))
                .help("add one there: SENTINEL MONITOR");
        }
        let diagnostic = diagnostic.note(format!("known there: {}", first.names.join(", ")));
        match nearest(&shard.master, first.names.iter().map(String::as_str)) {
            Some(meant) => diagnostic.help(format!("did you mean '{meant}'?")),
            None if shard.name == shard.master => diagnostic
                .help("a shard's name places keys; if Sentinel calls it otherwise, write 'master' too"),
            None => diagnostic,
        }
    }

    fn quorum(&mut self, shard: &ShardConfig, views: &[(&Address, &Master)]) {
        let Some((at, view)) = views.iter().find(|(_, view)| view.quorum > view.sentinels) else { return };
        let message = format!("'{}' can never fail over: its quorum cannot be reached", shard.name);
        self.found.push(
            Diagnostic::warning(Code::NoQuorum, message)
                .at(explain::span(self.text, &shard.master))
                .note(format!(
                    "{at}: the quorum is {}, and it knows {} Sentinels, itself included",
                    view.quorum, view.sentinels
                ))
                .help("run three Sentinels or more, or lower the quorum: SENTINEL SET NAME quorum N"),
        );
    }

    /// The primary and the replicas that Sentinel announces.
    fn nodes(&mut self, shard: &ShardConfig, view: &Master, by: &str) {
        let primary = Replica { announced: view.announced.clone(), is_down: false };
        let announced: Vec<&Replica> = core::iter::once(&primary).chain(&view.replicas).collect();
        let answers =
            in_parallel(&announced, |node| self.look(&mapped(&self.pool.address_map, &node.announced)));
        for (at, (node, answer)) in announced.iter().zip(answers).enumerate() {
            let role = if at == 0 { "primary" } else { "replica" };
            match answer {
                Ok(seen) if at == 0 => self.announced_primary(shard, &node.announced, &seen),
                Ok(_) => {}
                Err(trouble) => {
                    let spoken = explain::Announced { shard, role, node, by };
                    self.found.push(explain::announced(self.pool, self.text, &spoken, &trouble));
                }
            }
        }
    }

    fn announced_primary(&mut self, shard: &ShardConfig, announced: &Address, seen: &Seen) {
        if seen.is_primary {
            self.min_replicas(shard, announced, seen);
            return;
        }
        let follows = seen.follows.as_ref().map(|to| format!(" of {to}")).unwrap_or_default();
        let message =
            format!("Sentinel names {announced} the primary of '{}', but it is a replica", shard.name);
        self.found.push(
            Diagnostic::error(Code::AnnouncedReplica, message)
                .at(explain::span(self.text, &shard.master))
                .note(format!("ROLE says that it is a replica{follows}"))
                .help("during a failover that is usual; if it stays: redis-cli ROLE there, SENTINEL RESET on each Sentinel"),
        );
    }

    fn min_replicas(&mut self, shard: &ShardConfig, address: &Address, seen: &Seen) {
        if seen.min_replicas != Some(0) {
            return;
        }
        let message = format!("the primary of '{}' goes on taking writes when it is cut off", shard.name);
        self.found.push(
            Diagnostic::warning(Code::NoMinReplicas, message)
                .at(explain::span(self.text, &shard.master))
                .note(format!(
                    "min-replicas-to-write is 0 on {address}: what is written there in a split is lost"
                ))
                .help("set min-replicas-to-write 1 and min-replicas-max-lag 10 on every node of the shard"),
        );
    }

    fn by_nodes(&mut self, shard: &ShardConfig) {
        let answers = in_parallel(&shard.nodes, |address| self.look(address));
        let mut primaries: Vec<(&Address, Seen)> = Vec::new();
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        for (address, answer) in shard.nodes.iter().zip(answers) {
            match answer {
                Ok(seen) if seen.is_primary => primaries.push((address, seen)),
                Ok(_) => {}
                Err(trouble) => self.found.push(explain::node(self.pool, self.text, address, &trouble)),
            }
        }
        if let [(address, seen)] = primaries.as_slice() {
            self.min_replicas(shard, address, seen);
        } else if answered > 0 {
            let names: Vec<String> = primaries.iter().map(|(address, _)| address.to_string()).collect();
            self.found.push(explain::not_one_primary(self.text, shard, &names));
        }
    }

    fn look(&self, address: &Address) -> Result<Seen, node::Trouble> {
        let auth = &self.pool.auth;
        node::look(address, auth.username.as_deref(), auth.password.as_ref(), self.pool.timeouts.connect)
    }
}

/// The view with the highest epoch; among equal ones the address that most Sentinels name.
pub(super) fn believed<'a>(views: &[(&Address, &'a Master)]) -> Option<&'a Master> {
    let naming = |view: &Master| views.iter().filter(|(_, other)| other.announced == view.announced).count();
    views.iter().map(|(_, view)| *view).max_by_key(|view| (view.epoch, naming(view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_about_credentials_are_told_apart() {
        for (error, meaning) in [
            ("NOAUTH Authentication required.", Some(Credentials::Missing)),
            ("WRONGPASS invalid username-password pair or user is disabled.", Some(Credentials::Wrong)),
            ("ERR invalid password", Some(Credentials::Wrong)),
            ("ERR Client sent AUTH, but no password is set", Some(Credentials::NotNeeded)),
            (
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
                Some(Credentials::NotNeeded),
            ),
            ("ERR unknown command 'SENTINEL'", None),
        ] {
            assert_eq!(Credentials::judge(&Value::Error(error.into())), meaning, "{error}");
        }
        assert_eq!(Credentials::judge(&Value::Simple("OK".into())), None);
    }

    #[test]
    fn the_highest_epoch_wins_then_the_address_that_most_name() {
        let at = Address::new("s", 1);
        let master = |port, epoch| Master {
            name: "m".into(),
            announced: Address::new("n", port),
            epoch,
            quorum: 2,
            sentinels: 3,
            replicas: Vec::new(),
        };
        let (a, b, c) = (master(1, 3), master(2, 4), master(1, 4));
        assert_eq!(believed(&[(&at, &a), (&at, &b), (&at, &a)]).unwrap().announced.port, 2);
        assert_eq!(believed(&[(&at, &c), (&at, &b), (&at, &a)]).unwrap().announced.port, 1);
        assert!(believed(&[]).is_none());
    }
}
