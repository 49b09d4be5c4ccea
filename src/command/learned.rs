//! Commands that are in no table: those of modules, of newer servers, and old ones under another name. A
//! node describes them in its `COMMAND INFO`; here that becomes a row like any other.
//!
//! A row is told from others by its id alone, and lives as long as the process. So each row that is
//! learned is made once and never given back, however often it is learned again and by however many pools;
//! how many there can be is bounded. Rows of the table come first in the space of ids.
//!
//! Deliberately absent: asking a node, and when that is done (`control`), and which pool knows which of
//! the names (the topology's, which keeps a [`Learned`] a pool).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::described::{Described, DescribedBegin, DescribedKeys};
use super::find::{Found, find_name};
use super::row::{
    Begin, Count, Find, Finder, Flags, Group, Handling, KeyFlags, KeySpec, Known, ReplyPolicy, RequestPolicy,
    Row, RowId,
};
use super::table::{rows, single};
use crate::base::Time;
use crate::resp::Span;

/// Rows that can be learned in the life of a process. The largest modules have some fifty commands, and
/// a fleet may run several of them in several versions.
pub const LEARNED_MAX: usize = 1024;
/// Names that a pool remembers as no command's; the one that is asked again first makes room.
const ABSENT_MAX: usize = 256;
/// Names and keywords that are kept for good.
const WORDS_MAX: usize = 2 * LEARNED_MAX;
/// Longer names are no command's: nobody asks a node about a megabyte.
const NAME_MAX: usize = 64;

// Why a command is known and still not forwarded.
const STATE: &str =
    "it changes the state of a connection, and connections are shared; use a node's own address";
const BLOCKING: &str =
    "Ketch can't tell for how long it would hold up a shared connection; use a node's own address";
const ONE_NODE: &str = "it administers one node; use that node's own address";
const ANOTHER_NAME: &str = "it is another name of a command that Ketch knows; use the command's own name";
const NO_KEYS_TOLD: &str = "the node does not say which of its arguments are keys; use a node's own address";

static ROWS: [OnceLock<Row>; LEARNED_MAX] = [const { OnceLock::new() }; LEARNED_MAX];
static WORDS: Mutex<Words> = Mutex::new(Words { rows: 0, words: BTreeSet::new() });

/// Under its lock rows are made.
struct Words {
    rows: usize,
    /// Names and keywords, each kept once.
    words: BTreeSet<&'static str>,
}

/// The row of an id that is none of the table's.
pub(super) fn row(id: RowId) -> &'static Row {
    let place = usize::from(id.0).wrapping_sub(rows().len());
    ROWS.get(place).and_then(OnceLock::get).expect("an id is given out when its row is there")
}

/// What the nodes of a pool told of names that are not in the table.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// By name in lower case; subcommands as `container|name`.
    rows: BTreeMap<String, &'static Row>,
    /// Names that no node knows, until when that is believed.
    absent: BTreeMap<String, Time>,
}

impl Learned {
    /// The row of the command in `request`, which is not in the table.
    pub fn find(&self, request: &[u8], args: &[Span]) -> Found {
        let name = args.first().and_then(|arg| plain_name(arg.of(request)));
        let Some(row) = name.as_ref().and_then(|name| self.rows.get(name)) else { return Found::Unknown };
        if !row.has_subcommands() {
            return Found::Row(row);
        }
        let Some(second) = args.get(1) else {
            return if row.arity_fits(1) { Found::Row(row) } else { Found::MissingSubcommand(row) };
        };
        let sub =
            plain_name(second.of(request)).and_then(|sub| self.rows.get(&format!("{}|{sub}", row.name)));
        sub.map_or(Found::UnknownSubcommand(row), |sub| Found::Row(sub))
    }

    /// Whether the nodes were asked lately and did not know a name.
    pub fn is_absent(&self, name: &str, now: Time) -> bool {
        self.absent.get(name).is_some_and(|until| *until > now)
    }

    /// Whether nobody need be asked about a name (in lower case).
    pub fn knows(&self, name: &str) -> bool {
        self.rows.contains_key(name)
    }

    /// How many commands were learned, subcommands included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A node described what it calls `name`. True if that changes anything.
    pub fn learn(&mut self, name: &str, described: &Described) -> bool {
        let Some(name) = plain_name(name.as_bytes()) else { return false };
        let Some(row) = make(&name, described, described.subcommands.len()) else { return false };
        let subcommands = described.subcommands.iter().filter_map(|sub| {
            let own = plain_name(sub.name.rsplit('|').next()?.as_bytes())?;
            let name = format!("{name}|{own}");
            Some((make(&name, sub, 0)?, name))
        });
        let all: Vec<(&Row, String)> = subcommands.chain([(row, name.clone())]).collect();
        let mut changed = self.absent.remove(&name).is_some();
        for (row, name) in all {
            changed |= self.rows.insert(name, row).is_none_or(|was| was.id() != row.id());
        }
        changed
    }

    /// No node knows a name.
    pub fn is_none(&mut self, name: &str, until: Time) {
        if self.absent.len() >= ABSENT_MAX
            && let Some(first) = self.absent.iter().min_by_key(|(_, until)| **until).map(|(n, _)| n.clone())
        {
            self.absent.remove(&first);
        }
        self.absent.insert(name.to_owned(), until);
    }
}

/// A name in lower case, if it can be that of a command: short, visible, of one word.
pub fn plain_name(name: &[u8]) -> Option<String> {
    let plain =
        (1..=NAME_MAX).contains(&name.len()) && name.iter().all(|b| b.is_ascii_graphic() && *b != b'|');
    plain.then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

/// A row before it has a place: its keys are not kept for good yet.
struct Draft {
    row: Row,
    keys: Vec<KeySpec>,
}

/// The row for a description: one that was made before, or a new one. `None` when there is no room.
fn make(name: &str, described: &Described, subcommands: usize) -> Option<&'static Row> {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let draft = draft(name, described, subcommands, &mut words)?;
    let mut made = ROWS[..words.rows].iter().filter_map(OnceLock::get);
    if let Some(same) = made.find(|row| draft.is(row)) {
        return Some(same);
    }
    let place = ROWS.get(words.rows)?;
    let id = RowId(u16::try_from(rows().len() + words.rows).ok()?);
    words.rows += 1;
    Some(place.get_or_init(|| Row { id, keys: Vec::leak(draft.keys), ..draft.row }))
}

impl Draft {
    fn is(&self, made: &Row) -> bool {
        let row = &self.row;
        (row.name, row.arity, row.flags, row.handling) == (made.name, made.arity, made.flags, made.handling)
            && (row.finder, row.reply, row.subcommands) == (made.finder, made.reply, made.subcommands)
            && self.keys == made.keys
    }
}

fn draft(name: &str, described: &Described, subcommands: usize, words: &mut Words) -> Option<Draft> {
    let name = words.keep(name)?;
    if let Some(known) = find_name(described.name.as_bytes()) {
        return Some(another_name(name, known, subcommands));
    }
    let flags = Flags::named(described.flags.iter().map(String::as_str));
    let keys: Vec<KeySpec> = described.keys.iter().map(|spec| words.spec(spec)).collect::<Option<_>>()?;
    let (request, reply) = policies(&described.tips);
    let row = Row {
        primary_only: false,
        slow: false,
        name,
        arity: described.arity,
        flags,
        group: Group::Module,
        keys: &[],
        request,
        reply,
        handling: handling(described, flags, &keys, request),
        tips: &[],
        known: Known::Both,
        since: "",
        script: None,
        complexity: "",
        summary: "",
        finder: Finder::Learned,
        count: Count::Script,
        single: single(described.arity, &keys),
        id: RowId(0),
        parent: None,
        subcommands: u16::try_from(subcommands).ok()?,
        categories: Some(&[]),
    };
    Some(Draft { row, keys })
}

/// A command of the table that was renamed on the node goes as it would by its own name; but what needs
/// more than being forwarded, its own name must be used for.
fn another_name(name: &'static str, known: &Row, subcommands: usize) -> Draft {
    let forwarded = matches!(
        known.handling,
        Handling::Forward | Handling::Split(_) | Handling::EachShard | Handling::Scan
    );
    // What blocks, and the keys that patterns name, are looked for by the command's own name.
    let forwarded = forwarded
        && !known.flags.contains(Flags::BLOCKING)
        && known.finder != Finder::SortOptions
        && known.script.is_none();
    let handling = if forwarded { known.handling } else { Handling::Refused(ANOTHER_NAME) };
    let subcommands = subcommands as u16;
    let row = Row { name, handling, subcommands, parent: None, keys: &[], ..*known };
    Draft { row, keys: known.keys.to_vec() }
}

/// What is done with a command that only its description is known of.
fn handling(described: &Described, flags: Flags, keys: &[KeySpec], request: RequestPolicy) -> Handling {
    let is_in = |categories: &[&str]| described.categories.iter().any(|c| categories.contains(&c.as_str()));
    let untold = |spec: &KeySpec| {
        let unknown = spec.begin == Begin::Unknown || spec.find == Find::Unknown;
        !spec.flags.contains(KeyFlags::NOT_KEY) && (unknown || spec.flags.contains(KeyFlags::INCOMPLETE))
    };
    let movable = flags.contains(Flags::MOVABLEKEYS) && !described.has_specs;
    match () {
        () if is_in(&["@connection", "@transaction", "@pubsub"]) || flags.contains(Flags::PUBSUB) => {
            Handling::Refused(STATE)
        }
        () if is_in(&["@blocking"]) || flags.contains(Flags::BLOCKING) => Handling::Refused(BLOCKING),
        () if is_in(&["@admin"]) || flags.contains(Flags::ADMIN) => Handling::Refused(ONE_NODE),
        () if movable || keys.iter().any(untold) => Handling::Refused(NO_KEYS_TOLD),
        () if keys.is_empty() && matches!(request, RequestPolicy::AllShards | RequestPolicy::AllNodes) => {
            Handling::EachShard
        }
        () => Handling::Forward,
    }
}

/// What the tips say of how to send it and what to make of the replies.
fn policies(tips: &[String]) -> (RequestPolicy, ReplyPolicy) {
    let value = |name: &str| tips.iter().find_map(|tip| tip.strip_prefix(name));
    let request = match value("request_policy:") {
        Some("all_nodes") => RequestPolicy::AllNodes,
        Some("all_shards") => RequestPolicy::AllShards,
        Some("multi_shard") => RequestPolicy::MultiShard,
        Some("special") => RequestPolicy::Special,
        _ => RequestPolicy::None,
    };
    let reply = match value("response_policy:") {
        Some("one_succeeded") => ReplyPolicy::OneSucceeded,
        Some("all_succeeded") => ReplyPolicy::AllSucceeded,
        Some("agg_logical_and") => ReplyPolicy::AggLogicalAnd,
        Some("agg_logical_or") => ReplyPolicy::AggLogicalOr,
        Some("agg_min") => ReplyPolicy::AggMin,
        Some("agg_max") => ReplyPolicy::AggMax,
        Some("agg_sum") => ReplyPolicy::AggSum,
        Some("special") => ReplyPolicy::Special,
        _ => ReplyPolicy::None,
    };
    (request, reply)
}

impl Words {
    /// A word for good: there is one of each.
    fn keep(&mut self, word: &str) -> Option<&'static str> {
        if let Some(kept) = self.words.get(word) {
            return Some(kept);
        }
        if self.words.len() >= WORDS_MAX || word.len() > 2 * NAME_MAX + 1 {
            return None;
        }
        let kept: &'static str = String::leak(word.to_owned());
        self.words.insert(kept);
        Some(kept)
    }

    fn spec(&mut self, spec: &DescribedKeys) -> Option<KeySpec> {
        let begin = match &spec.begin {
            DescribedBegin::Index(index) => Begin::Index(*index),
            DescribedBegin::Keyword { word, from } => Begin::Keyword { word: self.keep(word)?, from: *from },
            DescribedBegin::Unknown => Begin::Unknown,
        };
        Some(KeySpec { begin, find: spec.find, flags: spec.flags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::keys;
    use crate::command::keys::tests::request;
    use crate::resp::Value;

    /// A description as a node writes it, in short: name, arity, flags, categories, tips, key specs.
    fn described(name: &str, arity: i64, flags: &[&str], categories: &[&str], keys: Vec<Value>) -> Described {
        let words = |words: &[&str]| Value::Array(words.iter().map(|w| Value::Simple((*w).into())).collect());
        let parts = vec![
            Value::Bulk(name.into()),
            Value::Integer(arity),
            words(flags),
            Value::Integer(0),
            Value::Integer(0),
            Value::Integer(0),
            words(categories),
            words(&[]),
            Value::Array(keys),
            Value::Array(vec![]),
        ];
        Described::parse(&Value::Array(parts)).unwrap()
    }

    fn spec(begin: (&str, &[(&str, Value)]), find: (&str, &[(&str, i64)]), flags: &[&str]) -> Value {
        let bulk = |text: &str| Value::Bulk(text.into());
        let step = |kind: &str, parts: Vec<Value>| {
            Value::Array(vec![bulk("type"), bulk(kind), bulk("spec"), Value::Array(parts)])
        };
        let begin_parts = begin.1.iter().flat_map(|(name, value)| [bulk(name), value.clone()]).collect();
        let find_parts = find.1.iter().flat_map(|(name, n)| [bulk(name), Value::Integer(*n)]).collect();
        Value::Array(vec![
            bulk("flags"),
            Value::Array(flags.iter().map(|f| Value::Simple((*f).into())).collect()),
            bulk("begin_search"),
            step(begin.0, begin_parts),
            bulk("find_keys"),
            step(find.0, find_parts),
        ])
    }

    fn one_key() -> Value {
        spec(
            ("index", &[("index", Value::Integer(1))]),
            ("range", &[("lastkey", 0), ("keystep", 1), ("limit", 0)]),
            &["RO", "access"],
        )
    }

    fn found(learned: &Learned, line: &str) -> Found {
        let words: Vec<&str> = line.split(' ').collect();
        let (bytes, spans) = request(&words);
        learned.find(&bytes, &spans)
    }

    fn learn(name: &str, described: &Described) -> (Learned, &'static Row) {
        let mut learned = Learned::default();
        assert!(learned.learn(name, described));
        assert!(!learned.learn(name, described), "the second time nothing is new");
        let Found::Row(row) = found(&learned, name) else { panic!("{name} was not found") };
        assert_eq!(crate::command::row(row.id()).name, row.name);
        (learned, row)
    }

    #[test]
    fn a_command_of_a_module_goes_by_its_keys_and_flags() {
        let (learned, row) =
            learn("M.GET", &described("m.get", 2, &["readonly", "module"], &["@read"], vec![one_key()]));
        assert!(row.is_read() && row.single_key() == Some(1) && row.handling == Handling::Forward);
        assert!(matches!(found(&learned, "m.Get k"), Found::Row(same) if same.id() == row.id()));
        assert!(matches!(found(&learned, "m.gett k"), Found::Unknown));
        let counted = spec(
            ("keyword", &[("keyword", Value::Bulk("KEYS".into())), ("startfrom", Value::Integer(1))]),
            ("keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)]),
            &["RW", "update"],
        );
        let (_, row) =
            learn("m.store", &described("m.store", -2, &["write", "movablekeys"], &[], vec![counted]));
        let keys_of = |line: &str| {
            let (bytes, spans) = request(&line.split(' ').collect::<Vec<_>>());
            let mut out = Vec::new();
            keys(row, &bytes, &spans, &mut out).map(|()| out)
        };
        assert!(!row.is_read());
        assert_eq!(keys_of("m.store x KEYS 2 a b c"), Ok(vec![4, 5]));
        assert_eq!(keys_of("m.store x"), Ok(vec![]), "a keyword need not be there");
        assert!(keys_of("m.store x KEYS 9 a").is_err());
    }

    #[test]
    fn one_row_is_made_of_one_description() {
        let a = described("m.same", 2, &["readonly"], &[], vec![one_key()]);
        let b = described("m.same", 3, &["readonly"], &[], vec![one_key()]);
        let (first, again, other) = (learn("m.same", &a).1, learn("m.same", &a).1, learn("m.same", &b).1);
        assert!(core::ptr::eq(first, again) && first.id() != other.id());
    }

    #[test]
    fn what_is_not_fit_for_a_shared_connection_is_refused() {
        for (flags, categories, keys) in [
            (&["blocking"][..], &[][..], vec![one_key()]),
            (&["admin"], &[], vec![]),
            (&["pubsub"], &[], vec![]),
            (&[], &["@connection"], vec![]),
            (&[], &["@transaction"], vec![]),
            (&[], &["@blocking"], vec![one_key()]),
            (&[], &[], vec![spec(("unknown", &[]), ("unknown", &[]), &["RW"])]),
        ] {
            let (_, row) = learn("m.odd", &described("m.odd", -1, flags, categories, keys));
            assert!(matches!(row.handling, Handling::Refused(_)), "{flags:?} {categories:?}");
        }
    }

    #[test]
    fn another_name_of_a_known_command_does_the_same_or_is_refused() {
        let (_, row) =
            learn("xget", &described("get", 2, &["readonly", "fast"], &["@read"], vec![one_key()]));
        assert!(row.name == "xget" && row.is_read() && row.single_key() == Some(1));
        for name in ["multi", "subscribe", "client|kill", "shutdown", "sort", "blpop", "evalsha"] {
            let (_, row) = learn("hidden", &described(name, -1, &[], &[], vec![]));
            assert!(matches!(row.handling, Handling::Refused(_)), "{name}");
        }
    }

    #[test]
    fn what_is_absent_is_remembered_for_a_while_and_not_without_end() {
        let mut learned = Learned::default();
        let at = Time::from_millis;
        for n in 0..2 * ABSENT_MAX {
            learned.is_none(&format!("no{n}"), at(1000 + n as u64));
        }
        assert_eq!(learned.absent.len(), ABSENT_MAX);
        let last = format!("no{}", 2 * ABSENT_MAX - 1);
        assert!(learned.is_absent(&last, at(1000)) && !learned.is_absent(&last, at(100_000)));
        assert!(!learned.is_absent("no0", at(0)));
    }

    #[test]
    fn names_that_can_be_no_command_s_are_none() {
        assert_eq!(plain_name(b"FT.Search"), Some("ft.search".into()));
        for name in [&b""[..], b"a b", b"a|b", b"a\r", &[0xc3, 0xa9], &[b'x'; 65]] {
            assert_eq!(plain_name(name), None, "{name:?}");
        }
    }
}
