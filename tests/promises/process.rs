//! How the process begins and ends: exit codes, a port in use, SIGTERM.

use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use super::support::{self, KETCH, SOON, Setting, Stage, http, ok, still_open};

#[test]
fn a_port_in_use_ends_it_with_75_and_names_the_address() {
    let home = support::home();
    let (pool, admin) = (support::local(home.port().unwrap()), support::local(home.port().unwrap()));
    for (taken, key) in [(pool, "listen"), (admin, "admin.listen")] {
        let _taken = TcpListener::bind(taken).unwrap();
        let toml = format!(
            "[admin]\nlisten = \"{admin}\"\n[pool.main]\nlisten = \"{pool}\"\n\
             [[pool.main.shard]]\nname = \"a\"\nnodes = [\"127.0.0.1:1\"]\n"
        );
        let file = support::write(&home, "taken", &toml);
        let run = Command::new(KETCH).args(["run", "-c"]).arg(&file).output().unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(75), "{said}");
        assert!(said.contains(&format!("{taken} is already taken")) && said.contains(key), "{said}");
    }
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_ends_with_0() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let mut busy: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let mut idle: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    idle.iter_mut().for_each(still_open);
    stage.primary(0).pause();
    let requests = 3000;
    for client in &mut busy {
        let pipeline: Vec<u8> = (0..requests).flat_map(|_| support::encode(&["INCR", &keys[0]])).collect();
        client.send_raw(&pipeline).unwrap();
    }
    // Each worker has read what was sent before.
    idle.iter_mut().for_each(still_open);
    thread::scope(|scope| {
        let ended = scope.spawn(|| stage.ketch().terminate(SOON));
        let refused = || {
            Client::connect(stage.address(), SOON)
                .err()
                .is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        };
        wait_until(SOON, "it accepts no more clients", refused).unwrap();
        for client in &mut idle {
            assert_eq!(client.read_to_end().unwrap(), b"");
        }
        assert!(stage.ketch().is_running());
        stage.primary(0).resume();
        let mut counts = Vec::new();
        for client in &mut busy {
            counts.extend((0..requests).map(|_| client.read().unwrap().number().unwrap()));
            assert_eq!(client.read_to_end().unwrap(), b"");
        }
        counts.sort_unstable();
        assert!(counts.iter().copied().eq(1..=4 * requests), "each was executed once");
        let status = ended.join().unwrap().expect("it ends by itself");
        assert_eq!(status.code(), Some(0));
    });
}

#[test]
fn sigterm_does_not_wait_longer_than_its_time_out() {
    let tables = "[shutdown]\ntimeout = \"500ms\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let mut client = stage.client();
    stage.primary(0).pause();
    client.send(&["SET", "k", "v"]).unwrap();
    let since = Instant::now();
    let status = stage.ketch().terminate(SOON).expect("it ends by itself");
    assert_eq!(status.code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

#[test]
fn readiness_is_withdrawn_before_clients_are_refused() {
    let tables = "[shutdown]\ndelay = \"700ms\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let mut client = stage.client();
    thread::scope(|scope| {
        let ended = scope.spawn(|| stage.ketch().terminate(SOON));
        let unready = || http(stage.admin(), "/readyz").is_some_and(|text| text.contains(" 503 "));
        wait_until(SOON, "it says that it is not ready", unready).unwrap();
        // Whoever has not heard it yet is served as ever.
        assert_eq!(stage.client().ask(&["SET", "k", "v"]).unwrap(), ok());
        assert_eq!(client.ask(&["STRLEN", "k"]).unwrap(), Value::Integer(1));
        assert_eq!(ended.join().unwrap().expect("it ends by itself").code(), Some(0));
    });
}

/// Killed at the end of a test that failed.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let stage = Stage::shards(1);
    let address = support::local(stage.home().port().unwrap());
    let toml = format!(
        "[admin]\nlisten = \"\"\n[pool.main]\nlisten = \"{address}\"\n\
         [[pool.main.shard]]\nname = \"a\"\nnodes = [\"{}\"]\n",
        stage.primary(0).address()
    );
    let file = support::write(stage.home(), "unread", &toml);
    let run = Command::new(KETCH).args(["run", "-c"]).arg(&file).stderr(Stdio::piped()).spawn();
    let mut ketch = Started(run.unwrap());
    let mut log = BufReader::new(ketch.0.stderr.take().unwrap());
    log.read_line(&mut String::new()).unwrap();
    drop(log);
    let mut client = support::client(address);
    let signal = |name: &str, pid: u32| {
        assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
    };
    for round in 0..3 {
        // Each of these has a line in the log.
        signal("-HUP", ketch.0.id());
        assert_eq!(client.ask(&["SET", "k", &round.to_string()]).unwrap(), ok());
        thread::sleep(Duration::from_millis(50));
    }
    signal("-TERM", ketch.0.id());
    let mut status = None;
    let ended = || {
        status = ketch.0.try_wait().unwrap();
        status.is_some()
    };
    wait_until(SOON, "it ends by itself", ended).unwrap();
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
fn a_log_that_is_not_read_holds_up_nothing() {
    let stage = Stage::shards(1);
    let [address, admin] = [0; 2].map(|_| support::local(stage.home().port().unwrap()));
    // Each of these nodes is logged as found and as down: more than a pipe holds, which is 64 KiB.
    let nobody: Vec<String> = (1..=400).map(|port| format!("127.0.0.1:{port}")).collect();
    let toml = format!(
        "[admin]\nlisten = \"{admin}\"\n[pool.main]\nlisten = \"{address}\"\n\
         [[pool.main.shard]]\nname = \"a\"\nnodes = [\"{}\"]\n\
         [pool.other]\nlisten = \"{}\"\n[[pool.other.shard]]\nname = \"b\"\nnodes = {nobody:?}\n",
        stage.primary(0).address(),
        support::local(stage.home().port().unwrap()),
    );
    let file = support::write(stage.home(), "stuck", &toml);
    let run = Command::new(KETCH).args(["run", "-c"]).arg(&file).stderr(Stdio::piped()).spawn();
    let mut ketch = Started(run.unwrap());
    let all_down = || {
        let text = http(admin, "/api/v1/snapshot").unwrap_or_default();
        text.matches("\"health\":\"down\"").count() == nobody.len()
    };
    wait_until(SOON, "all are down", all_down).unwrap();
    assert_eq!(support::client(address).ask(&["SET", "k", "v"]).unwrap(), ok());
    assert!(Command::new("kill").arg(ketch.0.id().to_string()).status().unwrap().success());
    let mut status = None;
    let ended = || {
        status = ketch.0.try_wait().unwrap();
        status.is_some()
    };
    wait_until(SOON, "it ends by itself", ended).unwrap();
    assert_eq!(status.unwrap().code(), Some(0));
}
