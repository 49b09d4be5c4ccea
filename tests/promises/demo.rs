//! `ketch demo` as somebody meets it who has just installed Ketch: it starts, survives, tells, ends,
//! and leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ketch::internals::lab::{Home, wait_until};

use crate::rig::{KETCH, SOON};

struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    said: Vec<String>,
}

impl Demo {
    fn start(home: &Home, args: &[&str]) -> Demo {
        let listen = format!("127.0.0.1:{}", home.port().unwrap());
        let mut child = Command::new(KETCH)
            .args(["demo", "--headless", "--listen", &listen])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Demo { child, out, said: Vec::new() }
    }

    /// Reads on until a line holds `part`, or to the end.
    fn read_until(&mut self, part: &str) -> Option<String> {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            self.said.push(core::mem::take(&mut line).trim_end().to_owned());
            if self.said.last().unwrap().contains(part) {
                return self.said.last().cloned();
            }
        }
        None
    }

    /// The folder that everything of it lives in.
    fn folder(&mut self) -> PathBuf {
        let line = self.read_until("config ").unwrap_or_else(|| panic!("{:#?}", self.said));
        Path::new(line.trim().strip_prefix("config").unwrap().trim()).parent().unwrap().to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Its guard ends what it has started.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes that run in the folder, or were told of it.
fn processes(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().unwrap();
    let belongs = |pid: &u32| {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let lives_there = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        let told = fs::read(proc.join("cmdline")).unwrap_or_default();
        lives_there || String::from_utf8_lossy(&told).contains(name)
    };
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(belongs).collect()
}

#[test]
fn a_headless_demo_survives_its_failovers_sums_up_and_leaves_nothing_behind() {
    let home = Home::new(KETCH.as_ref()).unwrap();
    let mut demo = Demo::start(&home, &["--failover-after", "5s", "--exit-after", "24s"]);
    let folder = demo.folder();
    assert!(folder.exists() && processes(&folder).len() >= 10, "six nodes, three Sentinels, Ketch");
    demo.read_until("nothing says this, so it is read to its end");
    let status = demo.child.wait().unwrap();
    let said = &demo.said;
    println!("{}", said[said.len().saturating_sub(8)..].join("\n"));
    assert_eq!(status.code(), Some(0), "{said:#?}");
    let last = said.last().unwrap();
    let failovers = last.split(' ').next().and_then(|n| n.parse::<u32>().ok());
    assert!(failovers.is_some_and(|n| n >= 2), "{said:#?}");
    for part in ["failovers, ", " acknowledged writes, ", " lost, 0 client errors, ", " outcomes unknown"] {
        assert!(last.contains(part), "{part:?} is missing in {last:?}");
    }
    let told = said.iter().filter(|line| line.starts_with("failover of shard")).count();
    assert_eq!(Some(told as u32), failovers, "each is told in a sentence: {said:#?}");
    assert!(!folder.exists() && processes(&folder).is_empty(), "{:?}", processes(&folder));
}

#[test]
fn a_killed_demo_leaves_nothing_behind() {
    let home = Home::new(KETCH.as_ref()).unwrap();
    let mut demo = Demo::start(&home, &["--shards", "1", "--replicas", "1"]);
    let folder = demo.folder();
    let running = processes(&folder);
    assert!(folder.exists() && running.len() >= 6, "{running:?}");
    demo.child.kill().unwrap();
    demo.child.wait().unwrap();
    wait_until(SOON, "the guard has cleaned up", || !folder.exists() && processes(&folder).is_empty())
        .unwrap_or_else(|error| panic!("{error}: {:?}", processes(&folder)));
    // What was started does not come back.
    std::thread::sleep(Duration::from_millis(100));
    assert!(processes(&folder).is_empty());
}
