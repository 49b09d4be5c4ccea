//! The verbs that somebody uses who puts Ketch in front of a group that runs already.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use ketch::internals::lab::{Client, Group, Options, Process, Server, wait_until};

use crate::rig::{KETCH, Ketch, SOON, prefixes};

fn ketch(args: &[&str], config: &Path) -> Output {
    Command::new(KETCH).args(args).args(["--color", "never", "-c"]).arg(config).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_running_group_is_checked_found_and_served_without_a_file() {
    let group = Group::start(&Options { shards: 2, replicas: 1, ..Options::new(KETCH).unwrap() }).unwrap();
    let by_file = Ketch::before(&group, "");
    let tags = prefixes(2);
    let primaries = [0, 1].map(|shard| group.primary(shard).unwrap());

    let checked = ketch(&["check", "--connect"], by_file.config());
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).contains("pool main has 2 shards and 1 listener"), "{checked:?}");

    let found = ketch(&["where", &tags[0], &tags[1], "--json"], by_file.config());
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let places: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    for (n, primary) in primaries.iter().enumerate() {
        assert_eq!(places[n]["shard"], group.shards()[n].name());
        assert_eq!(places[n]["write"], primary.address().to_string());
        // And that is where Ketch writes it.
        by_file.client().ask(&["SET", &tags[n], "by file"]).unwrap();
        assert_eq!(primary.ask(&["GET", &tags[n]]).unwrap().text(), Some("by file"));
    }

    let home = group.home();
    let (listen, admin) = (home.port().unwrap(), home.port().unwrap());
    let sentinels: Vec<String> = group.sentinels().iter().map(|s| s.address().to_string()).collect();
    let sentinels = sentinels[..2].join(",");
    let admin = format!("KETCH__ADMIN__LISTEN=127.0.0.1:{admin}");
    let at = format!("127.0.0.1:{listen}");
    let masters = ["--master", "shard1,shard2", "--listen", &at];
    let args = [&[admin.as_str(), KETCH, "run", "--sentinel", &sentinels][..], &masters].concat();
    let quick = Process::start(home, "quick", Path::new("/usr/bin/env"), args).unwrap();
    let client = || Client::connect(([127, 0, 0, 1], listen).into(), SOON);
    let serves = || client().and_then(|mut c| c.ask(&["SET", "quick", "1"])).is_ok_and(|r| !r.is_error());
    wait_until(SOON, "it serves", serves).unwrap_or_else(|e| panic!("{e}{}", quick.last_words()));
    assert_eq!(client().unwrap().ask(&["GET", "quick"]).unwrap().text(), Some("1"));

    // What it printed is a file that stands for the same.
    let log = quick.log();
    let printed = log.strip_prefix("# ketch.toml\n").unwrap_or_else(|| panic!("{log}"));
    let file = home.folder().join("printed.toml");
    let toml: Vec<&str> =
        printed.lines().take_while(|l| l.is_empty() || l.starts_with('[') || l.contains(" = ")).collect();
    std::fs::write(&file, toml.join("\n")).unwrap();
    let checked = ketch(&["check", "--connect"], &file);
    assert_eq!(checked.status.code(), Some(0), "{}{}", toml.join("\n"), text(&checked.stderr));
    assert!(text(&checked.stdout).contains("pool main has 2 shards and 1 listener"), "{checked:?}");

    let ended = quick.terminate(Duration::from_secs(10));
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}{}", quick.last_words());
    let ended = by_file.terminate();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}{}", by_file.last_words());
    assert!(primaries.iter().all(|node| Server::is_running(node)));
}
