//! The catalogue of metrics is well formed, in step with docs/metrics.md, and what a scraper gets is
//! the text format.

use std::collections::BTreeSet;

use ketch::internals::metrics::catalog::{self, ALL};
use ketch::internals::metrics::{Kind, Registry, Row};

fn is_name(text: &str, colon: bool) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || (colon && b == b':');
    text.bytes().enumerate().all(|(i, b)| letter(b) || (i > 0 && b.is_ascii_digit())) && !text.is_empty()
}

#[test]
fn names_are_unique_and_follow_the_rules() {
    let names: BTreeSet<_> = ALL.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ALL.len(), "a name is used twice");
    for row in ALL {
        let name = row.name;
        assert!(name.starts_with("ketch_") || name.starts_with("process_"), "{name}");
        assert!(is_name(name, false) && name.to_ascii_lowercase() == name, "{name}");
        assert_eq!(name.ends_with("_total"), row.kind == Kind::Counter, "{name}");
        assert!(row.labels.iter().all(|label| is_name(label, false)), "{name}");
        assert_eq!(row.labels.iter().collect::<BTreeSet<_>>().len(), row.labels.len(), "{name}");
        assert!(row.help.ends_with('.') && !row.help.contains(['\n', '|']), "{name}");
        for unit in ["_ms", "_millis", "_kb", "_mb", "_minutes"] {
            assert!(!name.contains(unit), "{name} is not in a base unit");
        }
    }
}

#[test]
fn labels_are_those_of_the_contract() {
    let known = [
        "pool", "shard", "node", "role", "listener", "lane", "cmd", "class", "code", "reason", "state",
        "version",
    ];
    for row in ALL {
        assert!(row.labels.iter().all(|label| known.contains(label)), "{}: {:?}", row.name, row.labels);
    }
}

fn line(row: &Row) -> String {
    let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} |", row.name, row.kind.word(), labels.join(", "), row.help)
}

#[test]
fn the_documentation_lists_exactly_the_rows() {
    let page = include_str!("../../docs/metrics.md");
    let documented: BTreeSet<_> = page
        .lines()
        .filter(|line| line.starts_with("| `ketch_") || line.starts_with("| `process_"))
        .collect();
    let rows: Vec<_> = ALL.iter().map(|row| line(row)).collect();
    let missing: Vec<_> = rows.iter().filter(|row| !documented.contains(row.as_str())).collect();
    let stale: Vec<_> = documented.iter().filter(|line| !rows.iter().any(|row| row == *line)).collect();
    assert!(missing.is_empty() && stale.is_empty(), "to add: {missing:#?}\nto remove: {stale:#?}");
}

/// A plain reader of the text format: each line is HELP, TYPE or a sample of the family before it.
fn check_format(text: &str) -> Result<usize, String> {
    let (mut family, mut seen, mut samples) = (String::new(), BTreeSet::new(), 0);
    for line in text.lines() {
        let fault = |what: &str| format!("{what}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
            if !seen.insert(family.clone()) {
                return Err(fault("family twice"));
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| fault("no type"))?;
            if name != family || !["counter", "gauge"].contains(&kind) {
                return Err(fault("type"));
            }
        } else {
            let rest = line.strip_prefix(family.as_str()).ok_or_else(|| fault("not of its family"))?;
            let number = labels(rest).ok_or_else(|| fault("labels"))?;
            let number = number.strip_prefix(' ').ok_or_else(|| fault("no number"))?;
            number.parse::<f64>().map_err(|_| fault("number"))?;
            if !seen.insert(line.rsplit_once(' ').unwrap_or_default().0.to_owned() + "\0") {
                return Err(fault("series twice"));
            }
            samples += 1;
        }
    }
    if text.ends_with('\n') { Ok(samples) } else { Err("no line feed at the end".into()) }
}

/// Reads `{a="b",…}` if there is one; the rest of the line.
fn labels(text: &str) -> Option<&str> {
    let Some(mut rest) = text.strip_prefix('{') else { return Some(text) };
    loop {
        let (name, after) = rest.split_once("=\"")?;
        if !is_name(name, false) {
            return None;
        }
        rest = after_value(after)?;
        match rest.split_at_checked(1)? {
            (",", more) => rest = more,
            ("}", more) => return Some(more),
            _ => return None,
        }
    }
}

fn after_value(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match c {
            '\\' | '"' | 'n' if escaped => escaped = false,
            _ if escaped => return None,
            '\\' => escaped = true,
            '"' => return Some(&text[i + 1..]),
            _ => {}
        }
    }
    None
}

#[test]
fn a_scraper_gets_the_text_format_for_every_row() {
    let registry = Registry::new();
    let (mut counters, mut gauges) = (Vec::new(), Vec::new());
    for row in ALL {
        let values: Vec<_> = row.labels.iter().map(|label| format!("{label} \"\\\n\u{fc}{{}},=")).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        match row.kind {
            Kind::Counter => counters.push(registry.counter(row, &values)),
            Kind::Gauge => gauges.push(registry.gauge(row, &values)),
        }
    }
    registry.computed(&catalog::PROCESS_OPEN_FDS, Box::new(|| vec![(vec![], f64::NAN)]));
    counters.iter().for_each(|counter| counter.add(u64::MAX));
    gauges.iter().for_each(|gauge| gauge.set(i64::MIN));
    assert_eq!(check_format(&registry.exposition()), Ok(ALL.len()));
}

#[test]
fn the_reader_of_this_test_sees_mistakes() {
    for text in [
        "# HELP a A.\n# TYPE a counter\na{x=\"1} 1\n",
        "# HELP a A.\n# TYPE a counter\na{x=\"\\q\"} 1\n",
        "# HELP a A.\n# TYPE a counter\na one\n",
        "# HELP a A.\n# TYPE a counter\na 1\na 2\n",
        "# HELP a A.\n# TYPE b counter\n",
        "# HELP a A.\n# TYPE a counter\nb 1\n",
        "# HELP a A.\n# TYPE a counter\na 1",
    ] {
        assert!(check_format(text).is_err(), "{text}");
    }
}
