//! Where the keys of a request are: one walk over the key specs of its row, and a finder of its own
//! for the few commands whose specs don't tell everything. Counts given by the client (`numkeys`) are
//! checked against the number of arguments before they are used.
//!
//! A request of which Ketch can't tell the keys is answered with the error that Redis has for it. It
//! is never sent to a shard by guess. Channels (specs flagged `not_key`) are no keys.

use core::str;

use super::options::{bitfield_flags, found_into, migrated, set_flags, sorted_into};
use super::row::{Begin, Count, Find, Finder, KeyFlags, KeySpec, Row};
use crate::resp::Span;

/// The keys of a request can't be told. Nothing was sent; it's the client's mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// As for a wrong arity: MSET with a key and no value. The command's name.
    WrongNumber(&'static str),
    /// The number of keys is no number.
    NotANumber,
    /// The number of keys is no number, in the words of FCALL.
    BadNumber,
    /// The number of keys is below zero, where zero is allowed.
    Negative,
    /// More keys than arguments.
    TooMany,
    /// There must be at least one key. The command's name.
    NoKeys(&'static str),
    /// The same in the words of LMPOP and SINTERCARD.
    NotPositive,
    /// MSETEX's words for a number that is none, or below one.
    InvalidNumber,
    /// XREAD without as many ids as keys; `newest` is the id that stands for "what is new".
    Unbalanced { name: &'static str, newest: char },
    /// The word that keys stand behind is missing.
    Syntax,
}

impl KeyError {
    /// Redis's own words, code included.
    pub fn text(self) -> String {
        match self {
            KeyError::WrongNumber(name) => format!("ERR wrong number of arguments for '{name}' command"),
            KeyError::NotANumber => "ERR value is not an integer or out of range".into(),
            KeyError::BadNumber => "ERR Bad number of keys provided".into(),
            KeyError::Negative => "ERR Number of keys can't be negative".into(),
            KeyError::TooMany => "ERR Number of keys can't be greater than number of args".into(),
            KeyError::NoKeys(name) => format!("ERR at least 1 input key is needed for '{name}' command"),
            KeyError::NotPositive => "ERR numkeys should be greater than 0".into(),
            KeyError::InvalidNumber => "ERR invalid numkeys value or out of range".into(),
            KeyError::Unbalanced { name, newest } => format!(
                "ERR Unbalanced '{name}' list of streams: \
                for each stream key an ID or '{newest}' must be specified."
            ),
            KeyError::Syntax => "ERR syntax error".into(),
        }
    }
}

/// Appends the argument indexes of the keys to `out`, in the order of the specs. The number of
/// arguments must fit the arity. What was appended before an error is of no use.
#[inline]
pub fn keys(row: &Row, request: &[u8], args: &[Span], out: &mut Vec<u32>) -> Result<(), KeyError> {
    if row.single != 0 {
        out.push(u32::from(row.single));
        return Ok(());
    }
    walk(row, Words { request, args }, &mut |index, _| out.push(index))
}

/// Like [`keys`], each with what the command does with it.
pub fn keys_and_flags(
    row: &Row,
    request: &[u8],
    args: &[Span],
    out: &mut Vec<(u32, KeyFlags)>,
) -> Result<(), KeyError> {
    walk(row, Words { request, args }, &mut |index, flags| out.push((index, flags)))
}

/// The arguments of a request, the name included.
#[derive(Clone, Copy)]
pub(in crate::command) struct Words<'a> {
    pub(in crate::command) request: &'a [u8],
    pub(in crate::command) args: &'a [Span],
}

impl<'a> Words<'a> {
    pub(in crate::command) fn len(self) -> usize {
        self.args.len()
    }

    /// Empty where there is no such argument.
    pub(in crate::command) fn get(self, index: usize) -> &'a [u8] {
        self.args.get(index).map_or(&[], |span| span.of(self.request))
    }

    pub(in crate::command) fn is(self, index: usize, word: &str) -> bool {
        self.get(index).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Takes the keys one by one.
pub(in crate::command) type Take<'t> = &'t mut dyn FnMut(u32, KeyFlags);

fn walk(row: &Row, words: Words<'_>, take: Take<'_>) -> Result<(), KeyError> {
    match row.finder {
        Finder::Specs => row.keys.iter().try_for_each(|spec| by_spec(row, spec, words, take)),
        Finder::Learned => row.keys.iter().try_for_each(|spec| match by_spec(row, spec, words, take) {
            Err(KeyError::Syntax) => Ok(()),
            found => found,
        }),
        Finder::SetOptions => {
            take(1, set_flags(words));
            Ok(())
        }
        Finder::BitfieldOptions => {
            take(1, bitfield_flags(words));
            Ok(())
        }
        Finder::SortOptions => {
            take(1, KeyFlags::RO.access());
            store(sorted_into(words), take);
            Ok(())
        }
        Finder::GeoradiusOptions(from) => {
            take(1, KeyFlags::RO.access());
            store(found_into(words, usize::from(from)), take);
            Ok(())
        }
        Finder::MigrateOptions => {
            migrated(words, take);
            Ok(())
        }
    }
}

fn store(key: Option<usize>, take: Take<'_>) {
    if let Some(key) = key {
        take(key as u32, KeyFlags::OW.update());
    }
}

fn by_spec(row: &Row, spec: &KeySpec, words: Words<'_>, take: Take<'_>) -> Result<(), KeyError> {
    if spec.flags.contains(KeyFlags::NOT_KEY) {
        return Ok(());
    }
    let begin = match spec.begin {
        Begin::Index(index) => usize::from(index),
        Begin::Keyword { word, from } => behind(words, word, from).ok_or(KeyError::Syntax)?,
        // What a spec can't tell is told by a finder, or concerns keys that aren't among the arguments.
        Begin::Unknown => return Ok(()),
    };
    match spec.find {
        Find::Range { last, step, limit } => by_range(row, spec, words, (begin, last, step, limit), take),
        Find::KeyNum { number, first, step } => {
            let step = usize::from(step);
            let first = begin + usize::from(first);
            let count = number_of_keys(row, words, begin + usize::from(number), first, step)?;
            (0..count).for_each(|key| take((first + key * step) as u32, spec.flags));
            Ok(())
        }
        Find::Unknown => Ok(()),
    }
}

/// The argument behind `word`.
fn behind(words: Words<'_>, word: &str, from: i8) -> Option<usize> {
    let at = if from >= 0 {
        (from as usize..words.len()).find(|&at| words.is(at, word))
    } else {
        let last = words.len().checked_sub(usize::from(from.unsigned_abs()))?;
        (1..=last).rev().find(|&at| words.is(at, word))
    }?;
    Some(at + 1)
}

fn by_range(
    row: &Row,
    spec: &KeySpec,
    words: Words<'_>,
    (first, last, step, limit): (usize, i8, u8, u8),
    take: Take<'_>,
) -> Result<(), KeyError> {
    let step = usize::from(step);
    // One behind the last argument that may belong to a key.
    let end = match last {
        0.. => first + last as usize + 1,
        _ => (words.len() + 1).saturating_sub(usize::from(last.unsigned_abs())),
    };
    let end = if limit > 1 { half(row, first, end, usize::from(limit))? } else { end };
    // Some keys need not be there (PFMERGE with nothing to merge); the arity counts those that must.
    if first >= end.min(words.len()) {
        return Ok(());
    }
    // A key without its value would be cut in two by a split, or taken for another's value.
    if end > words.len() || !(end - first).is_multiple_of(step) {
        return Err(KeyError::WrongNumber(row.name));
    }
    (first..end).step_by(step).for_each(|key| take(key as u32, spec.flags));
    Ok(())
}

/// The end of the first half (or third...) of what lies between `first` and `end`.
fn half(row: &Row, first: usize, end: usize, limit: usize) -> Result<usize, KeyError> {
    let there = end.saturating_sub(first);
    if there == 0 {
        return Err(KeyError::Syntax);
    }
    if !there.is_multiple_of(limit) {
        let newest = if row.is_read() { '$' } else { '>' };
        return Err(KeyError::Unbalanced { name: row.name, newest });
    }
    Ok(first + there / limit)
}

/// The number of keys, which stands at `at`; the keys begin at `first`.
fn number_of_keys(
    row: &Row,
    words: Words<'_>,
    at: usize,
    first: usize,
    step: usize,
) -> Result<usize, KeyError> {
    let wrong = Wrong::of(row);
    let number = str::from_utf8(words.get(at)).ok().and_then(plain_number).ok_or(wrong.no_number)?;
    let room = words.len().saturating_sub(first) / step;
    match usize::try_from(number) {
        Ok(0) => wrong.zero.map_or(Ok(0), Err),
        Ok(number) if number <= room => Ok(number),
        Ok(_) => Err(wrong.too_many),
        Err(_) => Err(wrong.negative),
    }
}

/// An integer as Redis reads one: no plus sign, no leading zeros, no "-0".
fn plain_number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (itoa::Buffer::new().format(number) == text).then_some(number)
}

/// The errors for a wrong number of keys.
struct Wrong {
    no_number: KeyError,
    negative: KeyError,
    /// `None`: no keys are fine.
    zero: Option<KeyError>,
    too_many: KeyError,
}

impl Wrong {
    fn of(row: &Row) -> Wrong {
        use KeyError::*;
        match row.count {
            Count::Script => {
                Wrong { no_number: NotANumber, negative: Negative, zero: None, too_many: TooMany }
            }
            Count::Function => {
                Wrong { no_number: BadNumber, negative: Negative, zero: None, too_many: TooMany }
            }
            Count::Operation => Wrong::below_one(NotANumber, NoKeys(row.name), Syntax),
            Count::Pop => Wrong::below_one(NotPositive, NotPositive, Syntax),
            Count::Cardinality => Wrong::below_one(NotPositive, NotPositive, TooMany),
            Count::Expiring => Wrong::below_one(InvalidNumber, InvalidNumber, Syntax),
        }
    }

    fn below_one(no_number: KeyError, below_one: KeyError, too_many: KeyError) -> Wrong {
        Wrong { no_number, negative: below_one, zero: Some(below_one), too_many }
    }
}

#[cfg(test)]
pub(in crate::command) mod tests {
    use super::*;
    use crate::command::{Found, find};

    /// The bytes of a request and where its arguments lie in them.
    pub(in crate::command) fn request(words: &[&str]) -> (Vec<u8>, Vec<Span>) {
        let mut bytes = b"*".to_vec();
        let spans = words.iter().map(|word| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(word.as_bytes());
            Span { start, len: word.len() as u32 }
        });
        let spans = spans.collect();
        (bytes, spans)
    }

    /// Asks about the row and the request of one line of words.
    pub(in crate::command) fn with_row<T>(line: &str, ask: impl Fn(&Row, &[u8], &[Span]) -> T) -> T {
        let words: Vec<&str> = line.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        let (bytes, spans) = request(&words);
        let Found::Row(row) = find(&bytes, &spans) else { panic!("{line}: no such command") };
        ask(row, &bytes, &spans)
    }

    fn keys_of(line: &str) -> Result<Vec<u32>, KeyError> {
        with_row(line, |row, request, args| {
            let (mut plain, mut flagged) = (Vec::new(), Vec::new());
            let result = keys(row, request, args, &mut plain);
            assert_eq!(keys_and_flags(row, request, args, &mut flagged), result, "{line}");
            result?;
            assert_eq!(flagged.iter().map(|(index, _)| *index).collect::<Vec<_>>(), plain, "{line}");
            Ok(plain)
        })
    }

    #[test]
    fn keys_are_found() {
        for (line, indexes) in [
            ("get k", &[1][..]),
            ("SET k v EX 3", &[1]),
            ("ping", &[]),
            ("mget a b c", &[1, 2, 3]),
            ("mset a 1 b 2", &[1, 3]),
            ("msetex 2 a 1 b 2 ex 10", &[2, 4]),
            ("blpop a b 0", &[1, 2]),
            ("bitop and d a b", &[2, 3, 4]),
            ("pfmerge d", &[1]),
            ("rename a b", &[1, 2]),
            ("object encoding k", &[2]),
            ("memory usage k samples 5", &[2]),
            ("xinfo stream k full", &[2]),
            ("xgroup create k g $", &[2]),
            ("object help", &[]),
            ("eval s 0", &[]),
            ("eval s 2 a b c", &[3, 4]),
            ("fcall_ro f 1 a", &[3]),
            ("zunionstore d 2 a b weights 1 2", &[1, 3, 4]),
            ("zinter 1 a withscores", &[2]),
            ("lmpop 2 a b left", &[2, 3]),
            ("blmpop 0 2 a b left", &[3, 4]),
            ("sintercard 2 a b limit 1", &[2, 3]),
            ("xread streams a b 0 0", &[2, 3]),
            ("XREAD COUNT 3 STREAMS a $", &[4]),
            ("xreadgroup GROUP streams streams streams a >", &[5]),
            ("xreadgroup group g c count 1 noack streams a b > >", &[8, 9]),
            ("sort k", &[1]),
            ("sort k by w_* limit 0 5 get # store d", &[1, 10]),
            ("sort k store d store e", &[1, 5]),
            ("sort k get store store d", &[1, 5]),
            ("sort_ro k by w_*", &[1]),
            ("georadius k 1 2 3 m", &[1]),
            ("georadius k 1 2 3 m count 3 asc store d", &[1, 10]),
            ("georadiusbymember k m 3 m storedist d", &[1, 6]),
            ("georadiusbymember k m 3 m store d storedist e", &[1, 8]),
            ("geosearchstore d s fromlonlat 1 2 byradius 3 m", &[1, 2]),
            ("migrate h 1 k 0 10", &[3]),
            ("migrate h 1 '' 0 10 auth keys copy keys a b", &[10, 11]),
            ("publish c m", &[]),
            ("spublish c m", &[]),
            ("ssubscribe c d", &[]),
        ] {
            assert_eq!(keys_of(line), Ok(indexes.to_vec()), "{line}");
        }
    }

    #[test]
    fn mistakes_are_called_as_redis_calls_them() {
        for (line, text) in [
            ("mset a 1 b", "ERR wrong number of arguments for 'mset' command"),
            ("eval s x a", "ERR value is not an integer or out of range"),
            ("eval s +1 a", "ERR value is not an integer or out of range"),
            ("eval s 99999999999999999999 a", "ERR value is not an integer or out of range"),
            ("eval s 9223372036854775807 a", "ERR Number of keys can't be greater than number of args"),
            ("eval s -1 a", "ERR Number of keys can't be negative"),
            ("fcall f x a", "ERR Bad number of keys provided"),
            ("zunionstore d 0 a", "ERR at least 1 input key is needed for 'zunionstore' command"),
            ("zunion 2 a", "ERR syntax error"),
            ("lmpop 0 a left", "ERR numkeys should be greater than 0"),
            ("sintercard 3 a b", "ERR Number of keys can't be greater than number of args"),
            ("msetex 2 a 1 b", "ERR syntax error"),
            ("xread count 3 a", "ERR syntax error"),
            ("xread count 1 streams", "ERR syntax error"),
            (
                "xread streams a b 0",
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
            ),
        ] {
            assert_eq!(keys_of(line).map_err(KeyError::text), Err(text.to_owned()), "{line}");
        }
    }

    #[test]
    fn single_keys_are_what_the_specs_say() {
        for row in crate::command::rows() {
            let Some(index) = row.single_key() else { continue };
            let words = vec!["k"; row.arity.unsigned_abs() as usize];
            assert!(index < words.len(), "{}", row.name);
            let (bytes, spans) = request(&words);
            let mut found = Vec::new();
            keys_and_flags(row, &bytes, &spans, &mut found).unwrap();
            assert_eq!(found.iter().map(|(at, _)| *at as usize).collect::<Vec<_>>(), [index], "{}", row.name);
        }
    }

    #[test]
    fn access_depends_on_the_options() {
        for (line, access) in [
            ("set k v", "OW update"),
            ("set k v get", "RW access update"),
            ("bitfield k get u8 0", "RO access"),
            ("bitfield k overflow fail get u8 0", "RO access"),
            ("bitfield k get u8 0 set u8 0 1", "RW access update"),
            ("bitfield k", "RO access"),
        ] {
            with_row(line, |row, request, args| {
                let mut found = Vec::new();
                keys_and_flags(row, request, args, &mut found).unwrap();
                let names: Vec<_> = found[0].1.names().collect();
                assert_eq!(names.join(" "), access, "{line}");
            });
        }
    }

    /// Whatever a client sends: every index is an argument's, none comes twice, nothing panics.
    #[test]
    fn keys_are_among_the_arguments_whatever_they_are() {
        let vocabulary = [
            "",
            "0",
            "1",
            "2",
            "-1",
            "9223372036854775807",
            "k",
            "streams",
            "STORE",
            "keys",
            "get",
            "set",
            "by",
            "limit",
            "auth2",
            "count",
            "block",
            "group",
            "*",
        ];
        let mut random: u32 = 1;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        for row in crate::command::rows() {
            for _ in 0..200 {
                let len = row.arity.unsigned_abs() as usize + if row.arity < 0 { next(9) } else { 0 };
                let words: Vec<&str> = (0..len).map(|_| vocabulary[next(vocabulary.len())]).collect();
                let (bytes, spans) = request(&words);
                let mut found = Vec::new();
                crate::command::blocks(row, &bytes, &spans);
                crate::command::key_patterns(row, &bytes, &spans).for_each(drop);
                if keys(row, &bytes, &spans, &mut found).is_ok() {
                    assert!(found.iter().all(|&at| at > 0 && (at as usize) < len), "{} {words:?}", row.name);
                    let count = found.len();
                    found.sort_unstable();
                    found.dedup();
                    assert_eq!(found.len(), count, "{} {words:?}", row.name);
                }
            }
        }
    }
}
