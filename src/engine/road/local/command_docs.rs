//! COMMAND DOCS [name …]: summaries from the command table, which redis-cli asks for at start. Histories
//! and arguments are not in the table, and so not told.

use crate::command::{Known, Row, find_name, subcommands};
use crate::resp::{Protocol, bulk, map};

use super::{Answer, Args, Context, Effect, command_cmd};

/// Names that there are not are left out, as in Redis.
pub(super) fn docs<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let named = || args.from(2).iter().filter_map(find_name).filter(|row| row.known != Known::Sentinel);
    if args.len() == 2 {
        each(out, cx.client.protocol, command_cmd::listed().count(), command_cmd::listed());
    } else {
        each(out, cx.client.protocol, named().count(), named());
    }
    Ok(Effect::None)
}

/// Names and what is told of each.
fn each(out: &mut Vec<u8>, protocol: Protocol, len: usize, rows: impl Iterator<Item = &'static Row>) {
    map(out, protocol, len);
    for row in rows {
        bulk(out, row.name.as_bytes());
        about(out, protocol, row);
    }
}

fn about(out: &mut Vec<u8>, protocol: Protocol, row: &Row) {
    let facts = [
        ("summary", row.summary),
        ("since", row.since),
        ("group", row.group.name()),
        ("complexity", row.complexity),
    ];
    let told = || facts.iter().filter(|(_, text)| !text.is_empty());
    let parts = subcommands(row).count();
    map(out, protocol, told().count() + usize::from(parts > 0));
    for (name, text) in told() {
        bulk(out, name.as_bytes());
        bulk(out, text.as_bytes());
    }
    if parts > 0 {
        bulk(out, b"subcommands");
        each(out, protocol, parts, subcommands(row));
    }
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::command_cmd::listed;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn commands_are_summed_up() {
        let fixture = Fixture::new(|_| {});
        let (text, _) = fixture.ask(Local::CommandDocs, "COMMAND DOCS GET nosuch config");
        assert!(text.starts_with("*4\r\n$3\r\nget\r\n*8\r\n$7\r\nsummary\r\n"), "{text}");
        assert!(text.contains("$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n"), "{text}");
        assert!(text.contains("$11\r\nsubcommands\r\n"), "{text}");
        assert!(text.contains("$10\r\nconfig|get\r\n*8\r\n"), "{text}");
        fixture.check(Local::CommandDocs, "COMMAND DOCS nosuch", "*0\r\n", Effect::None);
        let (all, _) = fixture.ask(Local::CommandDocs, "COMMAND DOCS");
        assert!(all.starts_with(&format!("*{}\r\n", listed().count() * 2)));
    }
}
