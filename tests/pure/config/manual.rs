//! The example file and the tables of the manual, made from the rows.

use ketch::internals::config::{Code, Kind, Row, Section, sections};

/// What the four lines of the simple case are.
const ACTIVE: [&str; 3] = ["listen", "sentinels", "shards"];
const WIDTH: usize = 96;

/// `conf/ketch.toml`, whole.
pub(crate) fn conf() -> String {
    let mut out = String::from(
        "# Ketch's configuration: every key, with its default or an example.\n\
         #\n\
         # A line that begins with \"#\" and a key shows the default, or an example where there is none; take\n\
         # the \"#\" away to change it. Durations have a unit (\"250ms\"), sizes too (\"16MiB\"). Inside texts\n\
         # ${VARIABLE} and ${VARIABLE:-default} are taken from the environment, and KETCH__POOL__MAIN__HOLD=5s\n\
         # there replaces a single value. `ketch check -c FILE` tells all mistakes at once.\n",
    );
    for section in sections() {
        write_section(&mut out, section);
    }
    out
}

fn write_section(out: &mut String, section: &Section) {
    let header = section.header.replace("NAME", "main");
    let repeated = header.starts_with("[[");
    out.push('\n');
    comment(out, section.doc);
    if !header.is_empty() {
        out.push_str(&format!("{}{header}\n", if repeated { "#" } else { "" }));
    }
    for row in section.rows.iter().filter(|row| row.is_value()) {
        out.push('\n');
        comment(out, &row.doc.replace("pool.NAME", "pool.main"));
        let active = header == "[pool.main]" && ACTIVE.contains(&row.key);
        out.push_str(&format!("{}{} = {}\n", if active { "" } else { "#" }, row.key, shown(row)));
    }
}

fn shown(row: &Row) -> &str {
    if row.default.is_empty() { row.example } else { row.default }
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// Header and line of every key that is commented out below a header that is not.
pub(crate) fn commented_defaults(text: &str) -> Vec<(String, String)> {
    let mut header = String::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') || line.starts_with("#[") {
            header = line.to_owned();
        }
        let is_key = line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_lowercase());
        // Passwords and files of the examples exist nowhere; repeated tables need more than one key.
        let needs_more = header.starts_with('#') || header.ends_with("auth]");
        if is_key && !needs_more {
            lines.push((header.clone(), line[1..].to_owned()));
        }
    }
    assert!(lines.len() > 30, "{}", lines.len());
    lines
}

/// The text with what stands between `<!-- name -->` and `<!-- end -->` replaced.
pub(crate) fn between(text: &str, name: &str, inner: &str) -> String {
    let start = format!("<!-- {name} -->\n");
    let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("a mark that is closed");
    format!("{before}{start}{inner}<!-- end -->{after}")
}

pub(crate) fn keys() -> String {
    let mut out = String::new();
    for section in sections() {
        let title = if section.header.is_empty() { "top of the file" } else { section.header };
        out.push_str(&format!("### `{title}`\n\n{}\n", section.doc));
        let rows: Vec<&Row> = section.rows.iter().filter(|row| row.is_value()).collect();
        if rows.is_empty() {
            continue;
        }
        out.push_str("\n| key | takes | default | |\n|---|---|---|---|\n");
        for row in rows {
            let default =
                if row.default.is_empty() { "–".to_owned() } else { format!("`{}`", row.default) };
            out.push_str(&format!("| `{}` | {} | {default} | {} |\n", row.key, kind(row.kind), row.doc));
        }
        out.push('\n');
    }
    out
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Word | Kind::LogLevel => "text".into(),
        Kind::Secret => "secret text".into(),
        Kind::Integer { min, max: i64::MAX } => format!("number from {min}"),
        Kind::Integer { min, max } => format!("number, {min} to {max}"),
        Kind::Boolean => "true or false".into(),
        Kind::Duration { .. } => "duration".into(),
        Kind::Size { .. } => "size".into(),
        Kind::Address => "address".into(),
        Kind::AddressOrOff => "address or `\"\"`".into(),
        Kind::AddressOrTables(_) => "address, or tables".into(),
        Kind::Addresses => "list of addresses".into(),
        Kind::Words => "list of texts".into(),
        Kind::Choice(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Hash => "name of a hash".into(),
        Kind::Distribution => "name of a distribution".into(),
        Kind::Pairs => "table of texts".into(),
        Kind::Table(_) | Kind::Tables(_) | Kind::Named(_) => "table".into(),
    }
}

pub(crate) fn codes() -> String {
    let rows = Code::ALL.iter().map(|code| format!("| {} | {} |\n", code.label(), code.title()));
    format!("| code | means |\n|---|---|\n{}", rows.collect::<String>())
}
