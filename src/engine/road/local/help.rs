//! HELP of a group of commands, in Redis's form. What Ketch refuses is not listed: nobody should look for
//! it here.

use crate::command::{Handling, find_name, subcommands};
use crate::resp::{array, simple};

use super::{Answer, Args, Effect};

/// As wide as Redis's own.
const INDENT: &str = "    ";

pub(super) fn help<'a>(args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let group = String::from_utf8_lossy(args.get(0)).to_uppercase();
    let mut lines = vec![format!("{group} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    let rows = find_name(args.get(0)).into_iter().flat_map(subcommands);
    for row in rows.filter(|row| !matches!(row.handling, Handling::Later(_) | Handling::Refused(_))) {
        let name = row.name.split('|').next_back().unwrap_or_default();
        lines.push(name.to_uppercase());
        lines.push(format!("{INDENT}{}", row.summary));
    }
    array(out, lines.len());
    lines.iter().for_each(|line| simple(out, line));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::Local;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    #[test]
    fn help_lists_what_is_answered() {
        let fixture = Fixture::new(|_| {});
        let (text, effect) = fixture.ask(Local::Help, "config help");
        assert_eq!(effect, Effect::None);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[1], "+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        assert_eq!(lines[2..4], ["+GET", "+    Tells the values of parameters that fit a pattern."]);
        assert!(text.contains("\r\n+HELP\r\n") && !text.contains("\r\n+REWRITE\r\n"), "{text}");
        assert!(fixture.ask(Local::Help, "CLIENT HELP").0.contains("\r\n+SETNAME\r\n"));
        assert!(fixture.ask(Local::Help, "COMMAND HELP").0.contains("\r\n+GETKEYS\r\n"));
    }
}
