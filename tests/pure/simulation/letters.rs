//! What the engines of a world ask each other: letters that a worker reads when it turns next, or later, if the
//! test makes it deaf. And what is promised of clients on several workers.

use std::time::Duration;

use ketch::internals::base::{ByteSize, ClientId, WorkerId};
use ketch::internals::config::Limits;
use ketch::internals::engine::{Action, CloseReason};
use ketch::internals::exchange::{Answer, Letter};

use super::model::Promises;
use super::random::deliver_nodes;
use super::setup::Plan;
use super::world::{Site, World};

impl World {
    /// The driver's part: a question that finds no room is answered at once.
    pub(crate) fn send_letter(&mut self, site: usize, action: Action) {
        match action {
            Action::Ask { ticket, to, question } => {
                if !self.post(to, Letter::Question(ticket, question)) {
                    self.sites[site].engine.answered(ticket, to, Answer::Busy);
                }
            }
            Action::Reply { ticket, answer } => {
                let letter = Letter::Answer(ticket, WorkerId(site as u16), answer);
                assert!(self.post(ticket.asker, letter), "answers find room");
            }
            Action::Tell { to, notice } => drop(self.post(to, Letter::Notice(notice))),
            other => panic!("no letter: {other:?}"),
        }
    }

    fn post(&mut self, to: WorkerId, letter: Letter) -> bool {
        self.sites[usize::from(to.0)].letters.post(letter)
    }

    pub(crate) fn read_letters(&mut self, site: usize) {
        let Site { engine, letters, deaf, .. } = &mut self.sites[site];
        if *deaf {
            return;
        }
        for letter in letters.take() {
            match letter {
                Letter::Question(ticket, question) => engine.asked(ticket, &question),
                Letter::Answer(ticket, from, answer) => engine.answered(ticket, from, answer),
                Letter::Notice(notice) => engine.told(&notice),
            }
        }
    }
}

/// A world of several workers whose connections are made.
pub(super) fn workers(workers: usize, limits: Limits) -> World {
    let plan = Plan { workers, limits, ..Plan::default() };
    let mut world = World::new(1, plan, Promises { calm: true, strict: true });
    world.kernel = 1 << 20;
    (0..5).for_each(|_| turn_all(&mut world));
    world
}

fn turn(world: &mut World, site: usize) {
    world.turn(site, |world| {
        deliver_nodes(world, site);
        let clients: Vec<ClientId> = world.sites[site].clients.keys().copied().collect();
        clients.iter().for_each(|id| world.deliver_client(site, *id, usize::MAX));
    });
}

pub(super) fn turn_all(world: &mut World) {
    (0..world.sites.len()).for_each(|site| turn(world, site));
    world.now = world.now + Duration::from_millis(1);
}

/// A client that is looked at by its bytes alone.
#[derive(Clone, Copy)]
pub(super) struct Raw {
    site: usize,
    id: ClientId,
}

pub(super) fn client(world: &mut World, site: usize) -> Raw {
    let mut id = None;
    world.turn(site, |world| id = Some(world.connect_client(site)));
    let raw = Raw { site, id: id.unwrap() };
    world.sites[site].clients.get_mut(&raw.id).unwrap().raw = true;
    raw
}

/// Inline requests; its worker reads them at once.
pub(super) fn say(world: &mut World, raw: Raw, lines: &[&str]) {
    let end = world.sites[raw.site].clients.get_mut(&raw.id).unwrap();
    lines.iter().for_each(|line| end.sent.extend_from_slice(format!("{line}\r\n").as_bytes()));
    turn(world, raw.site);
}

/// What it was given since it was asked for last.
pub(super) fn heard(world: &mut World, raw: Raw) -> String {
    let end = world.sites[raw.site].clients.get_mut(&raw.id).unwrap();
    String::from_utf8_lossy(&core::mem::take(&mut end.taken)).into_owned()
}

#[test]
fn clients_of_both_workers_are_listed_in_the_order_of_the_client_that_asks() {
    let mut world = workers(2, Limits::default());
    let [a, b, c] = [0, 1, 0].map(|site| client(&mut world, site));
    say(&mut world, b, &["CLIENT SETNAME bee"]);
    world.sites[1].deaf = true;
    say(&mut world, a, &["ECHO first", "CLIENT LIST", "PING"]);
    turn_all(&mut world);
    assert_eq!(heard(&mut world, a), "$5\r\nfirst\r\n", "what comes later waits");
    say(&mut world, c, &["PING"]);
    assert_eq!(heard(&mut world, c), "+PONG\r\n", "other clients go on");
    world.sites[1].deaf = false;
    turn_all(&mut world);
    turn_all(&mut world);
    let text = heard(&mut world, a);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    for (line, begins) in lines[1..4].iter().zip(["id=1 ", "id=2 ", "id=3 "]) {
        assert!(line.starts_with(begins), "{line}");
    }
    assert!(lines[2].contains(" name=bee "), "{text}");
    assert_eq!(lines[5], "+PONG");
}

#[test]
fn a_client_is_closed_by_whoever_it_is_connected_to() {
    let mut world = workers(2, Limits::default());
    let [a, _b, c] = [0, 1, 1].map(|site| client(&mut world, site));
    say(&mut world, a, &["CLIENT KILL ID 2", "CLIENT KILL ID 2", "CLIENT KILL TYPE pubsub"]);
    (0..3).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), ":1\r\n:0\r\n:0\r\n");
    assert_eq!(world.closed, [(2, CloseReason::Killed)]);
    // Itself last, after its reply; what it says behind that is not looked at.
    say(&mut world, a, &["CLIENT KILL TYPE normal SKIPME no", "PING"]);
    assert_eq!(world.sites[0].clients.len(), 1, "it waits for its reply");
    turn(&mut world, 1);
    assert_eq!(world.closed[1..], [(3, CloseReason::Killed)]);
    world.turn(0, |_| {});
    assert_eq!(world.closed[2..], [(1, CloseReason::Quit)]);
    assert!(!world.sites[1].clients.contains_key(&c.id));
}

#[test]
fn a_worker_that_can_t_be_asked_makes_an_error_and_never_a_wait() {
    let mut world = workers(3, Limits::default());
    let askers: Vec<Raw> = [0, 1].iter().map(|site| client(&mut world, *site)).collect();
    world.sites[2].deaf = true;
    let many = vec!["CLIENT LIST"; 600];
    askers.iter().for_each(|asker| say(&mut world, *asker, &many));
    world.sites[2].deaf = false;
    (0..4).for_each(|_| turn_all(&mut world));
    let replies: Vec<String> = askers.iter().map(|asker| heard(&mut world, *asker)).collect();
    let refused = |text: &String| text.matches("-ERR 1 of the 3 workers of this Ketch are too busy").count();
    assert_eq!(replies.iter().map(refused).collect::<Vec<_>>(), [0, 1200 - 1024]);
    assert_eq!(replies[1].matches("id=1 ").count(), 600 - (1200 - 1024));
}

#[test]
fn a_worker_that_does_not_answer_is_waited_for_only_so_long() {
    let mut world = workers(2, Limits::default());
    let a = client(&mut world, 0);
    world.sites[1].deaf = true;
    say(&mut world, a, &["CLIENT LIST", "PING"]);
    world.now = world.now + Duration::from_secs(6);
    turn(&mut world, 0);
    let text = heard(&mut world, a);
    assert!(text.starts_with("-ERR 1 of the 2 workers") && text.ends_with("+PONG\r\n"), "{text}");
    // A late answer finds nobody.
    world.sites[1].deaf = false;
    (0..3).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), "");
}

#[test]
fn answers_are_bounded() {
    let limits = Limits { gather_limit: ByteSize(4000), ..Limits::default() };
    let mut world = workers(2, limits);
    let raws: Vec<Raw> = (0..20).map(|n| client(&mut world, n % 2)).collect();
    say(&mut world, raws[0], &["CLIENT LIST", "CLIENT LIST ID 3"]);
    (0..3).for_each(|_| turn_all(&mut world));
    let text = heard(&mut world, raws[0]);
    assert!(text.starts_with("-ERR gather_limit (4000B) of pool main passed by the answer"), "{text}");
    assert!(text.contains("\r\nid=3 "), "{text}");
}

#[test]
fn a_pause_is_seen_by_all_workers_before_it_is_answered_and_holds_writes_until_its_end() {
    let mut world = workers(2, Limits::default());
    let [a, b] = [0, 1].map(|site| client(&mut world, site));
    say(&mut world, a, &["CLIENT PAUSE 60000 WRITE"]);
    assert_eq!(heard(&mut world, a), "");
    (0..2).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), "+OK\r\n");
    say(&mut world, b, &["SET k1 v", "GET k1"]);
    say(&mut world, a, &["GET other", "PFCOUNT h", "PING"]);
    let mut passed = Duration::ZERO;
    // Longer than anything may be held for want of a primary.
    while passed < Duration::from_secs(50) {
        (0..2).for_each(|_| turn_all(&mut world));
        world.now = world.now + Duration::from_millis(500);
        passed += Duration::from_millis(500);
    }
    assert_eq!(heard(&mut world, b), "");
    assert_eq!(heard(&mut world, a), "$-1\r\n", "PFCOUNT counts as a write, and PING waits for its turn");
    let facts = world.topology.pools[0].facts.clone();
    assert_eq!(facts.paused_clients(), 2);
    say(&mut world, b, &["CLIENT LIST"]);
    (0..2).for_each(|_| turn_all(&mut world));
    world.now = world.now + Duration::from_secs(11);
    (0..4).for_each(|_| turn_all(&mut world));
    let text = heard(&mut world, b);
    assert!(text.starts_with("+OK\r\n$1\r\nv\r\n") && text.contains(" flags=b "), "{text}");
    assert_eq!(facts.paused_clients(), 0);
}

#[test]
fn a_pause_of_everything_ends_when_anybody_says_so() {
    let mut world = workers(2, Limits::default());
    let [a, b] = [0, 1].map(|site| client(&mut world, site));
    say(&mut world, a, &["CLIENT PAUSE 100000"]);
    (0..2).for_each(|_| turn_all(&mut world));
    say(&mut world, a, &["GET k1"]);
    assert_eq!(heard(&mut world, a), "+OK\r\n");
    say(&mut world, b, &["PING", "CLIENT UNPAUSE"]);
    assert_eq!(heard(&mut world, b), "+PONG\r\n+OK\r\n");
    (0..2).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), "$-1\r\n");
}

#[test]
fn replies_that_a_client_does_not_want_are_dropped_large_ones_too() {
    let mut world = workers(1, Limits::default());
    let a = client(&mut world, 0);
    say(
        &mut world,
        a,
        &["CLIENT REPLY OFF", "SET k1 v", "GET big1", "GET big2", "MGET k1 k2", "CLIENT LIST"],
    );
    say(&mut world, a, &["GET", "CLIENT REPLY ON", "GET k1"]);
    (0..40).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), "+OK\r\n$1\r\nv\r\n");
    say(&mut world, a, &["CLIENT REPLY SKIP", "GET big2", "GET k1"]);
    (0..40).for_each(|_| turn_all(&mut world));
    assert_eq!(heard(&mut world, a), "$1\r\nv\r\n");
    assert_eq!(world.sites[0].engine.check_idle(), Ok(()));
}
