//! Where a pool's topology comes from: Sentinels with shards, or shards with nodes.

use super::Check;
use crate::base::Address;
use crate::config::read::{Fields, Placed, inner_title};
use crate::config::tree::Place;
use crate::config::{Code, Diagnostic, ShardConfig, SourceConfig};

/// A shard's number has sixteen bits.
const MOST_SHARDS: usize = u16::MAX as usize;

/// A shard and the places that mistakes about it point at.
struct Written {
    shard: ShardConfig,
    name: Place,
    master: Place,
    nodes: Option<Place>,
}

impl Check<'_> {
    pub(super) fn source_and_shards(&mut self, fields: &Fields) -> (SourceConfig, Vec<ShardConfig>) {
        let by_sentinel = fields.mentions("sentinels");
        let sentinels = fields.addresses("sentinels").unwrap_or_default();
        self.listed_once("Sentinel", &sentinels);
        let shards = self.shards(fields, by_sentinel);
        self.unique(&shards, by_sentinel);
        if by_sentinel {
            self.no_nodes(&shards, fields);
        }
        let source = match by_sentinel {
            true => SourceConfig::Sentinel(sentinels.into_iter().map(|s| s.value).collect()),
            false => SourceConfig::Static,
        };
        (source, shards.into_iter().map(|written| written.shard).collect())
    }

    fn shards(&mut self, fields: &Fields, by_sentinel: bool) -> Vec<Written> {
        let (names, tables) = (fields.texts("shards"), fields.tables("shard"));
        if fields.mentions("shards") && fields.mentions("shard") {
            let message = format!("both 'shards' and {} are given", tables_of(&fields.title));
            self.tell(
                Diagnostic::error(Code::ShardsTwice, message)
                    .place(fields.place_of("shards").unwrap_or(&fields.place))
                    .help("move the names into those tables, or leave them out"),
            );
        }
        if !fields.mentions("shards")
            && tables.as_ref().is_none_or(Vec::is_empty)
            && !fields.is_broken("shard")
        {
            self.tell(no_shards(fields, by_sentinel));
        }
        let mut shards = Vec::new();
        if let Some(names) = names {
            if !by_sentinel {
                self.tell(no_source(fields.place_of("shards").unwrap_or(&fields.place), &fields.title));
            }
            shards.extend(names.into_iter().map(by_name));
        }
        for table in tables.unwrap_or_default() {
            shards.extend(self.shard(&table, by_sentinel, &fields.title));
        }
        if shards.len() > MOST_SHARDS {
            let message = format!("{} has {} shards", fields.title, shards.len());
            self.tell(
                Diagnostic::error(Code::OutOfRange, message)
                    .place(&fields.place)
                    .help(format!("a pool takes at most {MOST_SHARDS}")),
            );
        }
        let weights: u64 = shards.iter().map(|written| u64::from(written.shard.weight)).sum();
        if weights > u64::from(u32::MAX) {
            self.tell(
                Diagnostic::error(
                    Code::OutOfRange,
                    format!("the weights in {} add up to {weights}", fields.title),
                )
                .place(&fields.place)
                .help(format!("they may add up to {}; smaller numbers say the same", u32::MAX)),
            );
        }
        shards
    }

    fn shard(&mut self, table: &Fields, by_sentinel: bool, pool: &str) -> Option<Written> {
        if !by_sentinel && !table.mentions("nodes") {
            self.tell(no_source(&table.place, pool));
        }
        let Some(name) = table.text("name") else {
            if !table.is_broken("name") {
                self.tell(
                    Diagnostic::error(Code::Missing, "a shard needs a name")
                        .place(&table.place)
                        .help("write name = \"…\": it places the keys, so choose one that can stay"),
                );
            }
            return None;
        };
        let place = |key| table.place_of(key).cloned();
        let name_place = place("name").unwrap_or_default();
        let nodes = table.addresses("nodes").unwrap_or_default();
        Some(Written {
            shard: ShardConfig {
                master: table.text("master").unwrap_or_else(|| name.clone()),
                name,
                weight: table.integer("weight").and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
                nodes: nodes.iter().map(|node| node.value.clone()).collect(),
            },
            master: place("master").unwrap_or_else(|| name_place.clone()),
            name: name_place,
            nodes: place("nodes"),
        })
        .inspect(|_| self.listed_once("node", &nodes))
    }

    /// Names, masters and nodes each stand for one shard.
    fn unique(&mut self, shards: &[Written], by_sentinel: bool) {
        for (at, later) in shards.iter().enumerate() {
            let before = &shards[..at];
            if let Some(first) = before.iter().find(|s| s.shard.name == later.shard.name) {
                self.tell(
                    Diagnostic::error(
                        Code::DuplicateShard,
                        format!("two shards are called '{}'", later.shard.name),
                    )
                    .place(&later.name)
                    .related(first.name.span.clone(), "the first one")
                    .help("the name places the keys; give each shard its own"),
                );
            } else if let Some(first) =
                before.iter().find(|s| by_sentinel && s.shard.master == later.shard.master)
            {
                let message = format!("two shards follow the master '{}'", later.shard.master);
                self.tell(
                    Diagnostic::error(Code::DuplicateMaster, message)
                        .place(&later.master)
                        .related(first.master.span.clone(), "the first one")
                        .help("each shard needs a master of its own; two would share one memory"),
                );
            }
            let shared = |s: &&Written| s.shard.nodes.iter().any(|node| later.shard.nodes.contains(node));
            if let Some(first) = before.iter().find(shared) {
                let message =
                    format!("a node of '{}' is also one of '{}'", later.shard.name, first.shard.name);
                self.tell(
                    Diagnostic::error(Code::DuplicateNode, message)
                        .place(later.nodes.as_ref().unwrap_or(&later.name))
                        .related(
                            first.nodes.as_ref().and_then(|place| place.span.clone()),
                            "listed first here",
                        )
                        .help("a node belongs to one shard"),
                );
            }
        }
    }

    fn no_nodes(&mut self, shards: &[Written], fields: &Fields) {
        for written in shards {
            let Some(nodes) = &written.nodes else { continue };
            self.tell(
                Diagnostic::error(
                    Code::TwoSources,
                    format!("'nodes' and 'sentinels' are both given in {}", fields.title),
                )
                .place(nodes)
                .related(fields.place_of("sentinels").and_then(|place| place.span.clone()), "the Sentinels")
                .help("leave out 'nodes': Sentinel knows them; or leave out 'sentinels' to do without"),
            );
        }
    }

    fn listed_once(&mut self, what: &str, addresses: &[Placed<Address>]) {
        for (at, later) in addresses.iter().enumerate() {
            if let Some(first) = addresses[..at].iter().find(|first| first.value == later.value) {
                self.tell(
                    Diagnostic::error(
                        Code::DuplicateNode,
                        format!("the {what} {} is listed twice", later.value),
                    )
                    .place(&later.place)
                    .related(first.place.span.clone(), "listed first here")
                    .help("leave one of them out"),
                );
            }
        }
    }
}

fn by_name(name: Placed<String>) -> Written {
    Written {
        shard: ShardConfig { name: name.value.clone(), weight: 1, master: name.value, nodes: Vec::new() },
        name: name.place.clone(),
        master: name.place,
        nodes: None,
    }
}

fn no_shards(fields: &Fields, by_sentinel: bool) -> Diagnostic {
    let missing =
        Diagnostic::error(Code::Missing, format!("{} has no shards", fields.title)).place(&fields.place);
    if by_sentinel {
        return missing
            .help("write shards = [\"…\"] with the names that the Sentinels know their masters by");
    }
    missing.help("with Sentinel: sentinels = [\"HOST:26379\", …] and shards = [\"MASTER-NAME\", …]").help(
        format!(
            "without: {} tables with name = \"…\" and nodes = [\"HOST:PORT\", …]",
            tables_of(&fields.title)
        ),
    )
}

fn no_source(place: &Place, pool: &str) -> Diagnostic {
    Diagnostic::error(Code::NoSource, "nothing says where the nodes of this shard are")
        .place(place)
        .help(format!("with Sentinel: write sentinels = [\"HOST:26379\", …] in {pool}"))
        .help(format!("without: {} for each shard, with nodes = [\"HOST:PORT\", …]", tables_of(pool)))
}

/// How the shards of a pool are headed: `[[pool.main.shard]]`.
fn tables_of(pool: &str) -> String {
    format!("[{}]", inner_title(pool, "shard"))
}
