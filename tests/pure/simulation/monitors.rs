//! MONITOR over workers that are late, or have no room for lines: each line comes once and whole, between replies
//! only, and what was lost is told by its number.

use ketch::internals::config::Limits;

use super::letters::{client, heard, say, turn_all, workers};
use super::world::World;

/// The words of the lines, in their order; each is whole.
fn words(text: &str) -> Vec<String> {
    let of = |line: &str| {
        let (head, words) = line.split_once("] ").unwrap_or_else(|| panic!("{line:?}"));
        assert!(head.starts_with('+') && head.contains(" [0 "), "{line:?}");
        words.to_owned()
    };
    text.lines().map(of).collect()
}

fn settle(world: &mut World) {
    (0..20).for_each(|_| turn_all(world));
}

#[test]
fn lines_of_other_workers_come_late_and_in_their_order() {
    let mut world = workers(2, Limits::default());
    let [a, b, c] = [0, 1, 1].map(|site| client(&mut world, site));
    say(&mut world, a, &["MONITOR"]);
    world.sites[0].deaf = true;
    say(&mut world, b, &["SET k1 v", "GET nothing", "GET"]);
    say(&mut world, c, &["ECHO 1", "AUTH default secret"]);
    say(&mut world, b, &["MULTI", "SET k1 w", "PING", "EXEC"]);
    assert_eq!(heard(&mut world, a), "+OK\r\n");
    world.sites[0].deaf = false;
    settle(&mut world);
    let shown = [
        "\"SET\" \"k1\" \"v\"",
        "\"GET\" \"nothing\"",
        "\"ECHO\" \"1\"",
        "\"AUTH\" \"(redacted)\" \"(redacted)\"",
        "\"MULTI\"",
        "\"SET\" \"k1\" \"w\"",
        "\"PING\"",
        "\"EXEC\"",
    ];
    assert_eq!(words(&heard(&mut world, a)), shown);
    say(&mut world, a, &["QUIT"]);
    assert_eq!(world.topology.pools[0].facts.monitors.load(core::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_line_stands_neither_before_nor_within_a_reply_that_is_owed() {
    let mut world = workers(2, Limits::default());
    let [a, b] = [0, 0].map(|site| client(&mut world, site));
    world.sites[1].deaf = true;
    say(&mut world, a, &["CLIENT KILL ID 999", "MONITOR", "CLIENT KILL ID 998", "PING"]);
    say(&mut world, b, &["ECHO before"]);
    assert_eq!(heard(&mut world, a), "");
    world.sites[1].deaf = false;
    (0..2).for_each(|_| turn_all(&mut world));
    world.sites[1].deaf = true;
    say(&mut world, b, &["ECHO between"]);
    world.sites[1].deaf = false;
    settle(&mut world);
    let text = heard(&mut world, a);
    let (replies, lines) = text.split_at(text.find("+17").unwrap_or(text.len()));
    assert!(replies.starts_with(":0\r\n+OK\r\n"), "{text}");
    assert!(!text.contains("before") && lines.contains("\"ECHO\" \"between\""), "{text}");
    assert!(text.ends_with("\"PING\"\r\n") && text.contains("+PONG\r\n"), "{text}");
}

#[test]
fn lines_without_room_are_counted_and_the_monitor_is_told() {
    let mut world = workers(2, Limits::default());
    let [a, b] = [1, 0].map(|site| client(&mut world, site));
    say(&mut world, a, &["MONITOR"]);
    assert_eq!(heard(&mut world, a), "+OK\r\n");
    world.sites[1].deaf = true;
    let long = format!("ECHO {}", "x".repeat(60_000));
    for _ in 0..100 {
        say(&mut world, b, &[&long]);
        heard(&mut world, b);
        world.turn(0, |world| world.write_on(0));
    }
    world.sites[1].deaf = false;
    let mut text = String::new();
    let mut read = |world: &mut World| {
        for _ in 0..10 {
            turn_all(world);
            text += &heard(world, a);
            world.turn(1, |world| world.write_on(1));
        }
    };
    read(&mut world);
    say(&mut world, b, &["ECHO after"]);
    read(&mut world);
    let said = words(&text);
    let whole = said.iter().filter(|line| line.len() > 60_000).count();
    assert!((50..100).contains(&whole), "{whole}");
    let rest: Vec<&String> = said.iter().filter(|line| line.len() < 60_000).collect();
    assert_eq!(rest, [&format!("\"{} lines were lost\"", 100 - whole), "\"ECHO\" \"after\""]);
}
