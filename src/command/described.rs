//! How a node describes a command: one element of what it answers to `COMMAND INFO`, read into a tree.
//!
//! Servers before 7.0 tell less: no tips, no key specs, no subcommands. Then first key, last key and step
//! stand for the specs. Deliberately absent: what Ketch makes of it (`learned`).

use super::row::{Find, Flags, KeyFlags};
use crate::resp::Value;

/// Subcommands, key specs, tips of one command; more are not read.
const PARTS_MAX: usize = 256;

/// One command.
#[derive(Clone, PartialEq, Debug)]
pub struct Described {
    /// In lower case, as it was called before the node renamed it; `container|name` for a subcommand.
    pub name: String,
    pub arity: i16,
    pub(in crate::command) flags: Vec<String>,
    pub(in crate::command) categories: Vec<String>,
    pub(in crate::command) tips: Vec<String>,
    pub(in crate::command) keys: Vec<DescribedKeys>,
    /// The node tells key specs at all.
    pub(in crate::command) has_specs: bool,
    pub subcommands: Vec<Described>,
}

/// One key spec.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::command) struct DescribedKeys {
    pub(in crate::command) begin: DescribedBegin,
    pub(in crate::command) find: Find,
    pub(in crate::command) flags: KeyFlags,
}

#[derive(Clone, PartialEq, Debug)]
pub(in crate::command) enum DescribedBegin {
    Index(u8),
    Keyword { word: String, from: i8 },
    Unknown,
}

impl Described {
    /// `None` for nil (the node has no such command) and for what is no description.
    pub fn parse(value: &Value) -> Option<Described> {
        Described::at_depth(value, 0)
    }

    fn at_depth(value: &Value, depth: usize) -> Option<Described> {
        let parts = value.elements()?;
        let number = |index: usize| parts.get(index)?.number();
        let words = |index: usize| words(parts.get(index));
        let flags = words(2);
        let specs = parts.get(8).and_then(Value::elements);
        let keys = match specs {
            Some(specs) => specs.iter().take(PARTS_MAX).map(key_spec).collect(),
            None => classic(number(3)?, number(4)?, number(5)?).into_iter().collect(),
        };
        // A subcommand has none of its own.
        let below = parts.get(9).and_then(Value::elements).filter(|_| depth == 0).unwrap_or_default();
        Some(Described {
            name: parts.first()?.text()?.to_ascii_lowercase(),
            arity: i16::try_from(number(1)?).ok()?,
            flags,
            categories: words(6),
            tips: words(7),
            keys,
            has_specs: specs.is_some(),
            subcommands: below.iter().take(PARTS_MAX).filter_map(|v| Described::at_depth(v, 1)).collect(),
        })
    }
}

impl Flags {
    /// Those of these names that are known.
    pub(in crate::command) fn named<'a>(names: impl Iterator<Item = &'a str>) -> Flags {
        names.fold(Flags::NONE, |flags, name| flags.and(Flags::of_name(name)))
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    let words = value.and_then(Value::elements).unwrap_or_default();
    words.iter().take(PARTS_MAX).filter_map(|word| word.text().map(str::to_ascii_lowercase)).collect()
}

/// First key, last key (from the end, if negative) and step.
fn classic(first: i64, last: i64, step: i64) -> Option<DescribedKeys> {
    if first <= 0 {
        return None;
    }
    let counted = if last < 0 { last } else { last - first };
    let find = match (i8::try_from(counted), u8::try_from(step)) {
        (Ok(last), Ok(step)) if step > 0 => Find::Range { last, step, limit: 0 },
        _ => Find::Unknown,
    };
    let begin = u8::try_from(first).map_or(DescribedBegin::Unknown, DescribedBegin::Index);
    Some(DescribedKeys { begin, find, flags: KeyFlags::NONE })
}

/// What does not fit is unknown: then nobody looks for keys where there are none.
fn key_spec(value: &Value) -> DescribedKeys {
    let fields = Fields(value);
    let flags = fields.get("flags").and_then(Value::elements).unwrap_or_default();
    let flags = flags.iter().filter_map(Value::text);
    DescribedKeys {
        begin: fields.get("begin_search").and_then(begin).unwrap_or(DescribedBegin::Unknown),
        find: fields.get("find_keys").and_then(find).unwrap_or(Find::Unknown),
        flags: flags.fold(KeyFlags::NONE, |flags, name| flags.and(KeyFlags::of_name(name))),
    }
}

fn begin(value: &Value) -> Option<DescribedBegin> {
    let fields = Fields(value);
    let spec = Fields(fields.get("spec")?);
    match fields.get("type")?.text()? {
        "index" => Some(DescribedBegin::Index(spec.number("index")?)),
        "keyword" => Some(DescribedBegin::Keyword {
            word: spec.get("keyword")?.text()?.to_owned(),
            from: spec.number("startfrom")?,
        }),
        _ => None,
    }
}

fn find(value: &Value) -> Option<Find> {
    let fields = Fields(value);
    let spec = Fields(fields.get("spec")?);
    match fields.get("type")?.text()? {
        "range" => {
            let (last, step, limit) =
                (spec.number("lastkey")?, spec.number("keystep")?, spec.number("limit")?);
            (step > 0).then_some(Find::Range { last, step, limit })
        }
        "keynum" => {
            let (number, first) = (spec.number("keynumidx")?, spec.number("firstkey")?);
            let step = spec.number("keystep")?;
            (step > 0).then_some(Find::KeyNum { number, first, step })
        }
        _ => None,
    }
}

/// A map, or the flat array that stands for one in RESP2.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        match self.0 {
            Value::Map(pairs) => pairs.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, v)| v),
            other => {
                other.elements()?.chunks_exact(2).find(|pair| pair[0].text() == Some(name)).map(|p| &p[1])
            }
        }
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.get(name)?.number()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Described> {
        Described::parse(&Value::parse(text.replace(' ', "\r\n").as_bytes()).unwrap().unwrap().0)
    }

    #[test]
    fn an_old_server_tells_keys_by_first_last_and_step() {
        let told = parse("*6 $5 m.get :-3 *2 +readonly +fast :1 :-1 :2 ").unwrap();
        assert_eq!((told.name.as_str(), told.arity, told.has_specs), ("m.get", -3, false));
        let find = Find::Range { last: -1, step: 2, limit: 0 };
        assert_eq!(
            told.keys,
            [DescribedKeys { begin: DescribedBegin::Index(1), find, flags: KeyFlags::NONE }]
        );
        assert!(parse("*6 $4 ping :-1 *0 :0 :0 :0 ").unwrap().keys.is_empty());
    }

    #[test]
    fn whatever_a_node_says_is_read_or_not_but_does_no_harm() {
        for text in
            ["*-1 ", "*0 ", "+OK ", "*1 :1 ", "*6 $1 a :99999999 *0 :0 :0 :0 ", "*6 $1 a :1 *0 $1 x :0 :0 "]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        let told = parse("*10 $1 a :1 :5 :0 :0 :0 $1 x *1 *0 *2 *0 $1 x *1 $-1 ").unwrap();
        assert!(told.keys.iter().all(|spec| spec.find == Find::Unknown) && told.subcommands.is_empty());
        let far = parse("*6 $1 a :1 *0 :300 :301 :1 ").unwrap();
        assert_eq!(far.keys[0].begin, DescribedBegin::Unknown);
    }
}
