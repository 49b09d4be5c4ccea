//! The same bytes to a redis-server and to a Ketch in front of one, and the same bytes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ketch::internals::lab::Server;

use crate::support::{SOON, Setting, Stage, encode};

/// A subscriber and whoever publishes, on one of the two servers.
struct Side {
    subscriber: TcpStream,
    publisher: TcpStream,
}

enum Step {
    /// The subscriber says this, and then a marker: everything up to the marker's answer is compared.
    Say(&'static [&'static [&'static str]]),
    /// Somebody publishes: this message, which reaches the subscriber so many times.
    Publish(&'static [&'static str], usize),
    /// The subscriber says this, whose answers the connection's end follows.
    Last(&'static [&'static str]),
}
use Step::{Last, Publish, Say};

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// What comes until it ends like this, for the so many-th time.
fn read_until(stream: &mut TcpStream, end: &[u8], times: usize) -> String {
    let mut bytes = Vec::new();
    let ends = |bytes: &[u8]| bytes.windows(end.len()).filter(|w| *w == end).count();
    while ends(&bytes) < times || (times > 0 && !bytes.ends_with(end)) {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).unwrap_or(0);
        assert!(n > 0, "{} and no more", bytes.escape_ascii());
        bytes.extend_from_slice(&piece[..n]);
    }
    bytes.escape_ascii().to_string()
}

impl Side {
    fn to(address: SocketAddr, resp3: bool) -> Side {
        let mut side = Side { subscriber: connect(address), publisher: connect(address) };
        if resp3 {
            // Its answer tells of the server, and is no business of this test.
            side.go(&Say(&[&["HELLO", "3"]]));
        }
        side
    }

    fn go(&mut self, step: &Step) -> String {
        match step {
            Say(requests) => {
                let mut bytes: Vec<u8> = requests.iter().flat_map(|request| encode(request)).collect();
                bytes.extend(encode(&["PING", "the-marker"]));
                self.subscriber.write_all(&bytes).unwrap();
                read_until(&mut self.subscriber, b"the-marker\r\n", 1)
            }
            Publish(request, times) => {
                let mut bytes = encode(request);
                bytes.extend(encode(&["PING", "the-marker"]));
                self.publisher.write_all(&bytes).unwrap();
                let told = read_until(&mut self.publisher, b"the-marker\r\n", 1);
                let payload = format!("{}\r\n", request[2]);
                let heard = read_until(&mut self.subscriber, payload.as_bytes(), *times);
                // In which order patterns are gone through differs from server to server.
                let mut heard: Vec<&str> = heard.split('*').collect();
                heard.sort_unstable();
                format!("{told} {heard:?}")
            }
            Last(request) => {
                self.subscriber.write_all(&encode(request)).unwrap();
                let mut rest = Vec::new();
                self.subscriber.read_to_end(&mut rest).unwrap();
                rest.escape_ascii().to_string()
            }
        }
    }
}

#[track_caller]
fn compare(resp3: bool, script: &[Step]) {
    let stage = Stage::start(Setting::default());
    let program = ketch::internals::lab::Program::redis().unwrap();
    let direct = Server::start(stage.home(), &program, "direct", &Default::default()).unwrap();
    let (mut theirs, mut ours) = (Side::to(direct.address(), resp3), Side::to(stage.address(), resp3));
    for (number, step) in script.iter().enumerate() {
        assert_eq!(ours.go(step), theirs.go(step), "step {number}");
    }
}

#[test]
fn a_subscriber_in_resp2_sees_no_difference() {
    compare(
        false,
        &[
            Say(&[&["UNSUBSCRIBE"], &["PUNSUBSCRIBE"], &["SUNSUBSCRIBE"], &["UNSUBSCRIBE", "none", "more"]]),
            Say(&[
                &["CLIENT", "REPLY", "OFF"],
                &["SUBSCRIBE", "a", "b"],
                &["PING", "x"],
                &["UNSUBSCRIBE", "b", "a"],
                &["CLIENT", "REPLY", "ON"],
            ]),
            Say(&[&["CLIENT", "REPLY", "SKIP"], &["SUBSCRIBE", "a"], &["PING", "x"], &["UNSUBSCRIBE"]]),
            Say(&[&["SUBSCRIBE"], &["PSUBSCRIBE"], &["SSUBSCRIBE"], &["PUBLISH", "a"], &["PUBSUB"]]),
            Say(&[&["subscribe", "a", "b", "a"], &["PING"], &["PING", "a", "b"], &["PING", ""]]),
            Say(&[
                &["GET", "k"],
                &["get"],
                &["CLIENT", "GETNAME"],
                &["nonsense", "x"],
                &["PUBLISH", "a", "x"],
            ]),
            Say(&[&["HELLO", "3"], &["SET", "k", "v"], &["ECHO", "x"], &["CONFIG", "GET", "port"]]),
            Publish(&["PUBLISH", "a", "one"], 1),
            Say(&[&["PSUBSCRIBE", "a*", "[ab]", "*"]]),
            Publish(&["PUBLISH", "b", "two"], 3),
            Publish(&["PUBLISH", "abc", "three"], 2),
            Publish(&["PUBLISH", "c", "four"], 1),
            Publish(&["PUBLISH", "A", "five"], 1),
            Say(&[&["SSUBSCRIBE", "s", "a"]]),
            Publish(&["SPUBLISH", "a", "six"], 1),
            Publish(&["SPUBLISH", "none", "seven"], 0),
            Say(&[&["UNSUBSCRIBE", "a", "a", "none"], &["PUNSUBSCRIBE", "*", "a*", "[ab]"]]),
            Publish(&["PUBLISH", "a", "eight"], 0),
            Publish(&["PUBLISH", "b", "nine"], 1),
            Say(&[&["UNSUBSCRIBE"], &["GET", "k"], &["SUNSUBSCRIBE", "s"], &["SUNSUBSCRIBE"]]),
            Say(&[&["GET", "k"], &["PING"], &["SUNSUBSCRIBE"], &["UNSUBSCRIBE"], &["PUNSUBSCRIBE"]]),
            Publish(&["SPUBLISH", "a", "ten"], 0),
            Say(&[
                &["SUBSCRIBE", "a"],
                &["PSUBSCRIBE", "*"],
                &["SSUBSCRIBE", "s"],
                &["RESET"],
                &["GET", "k"],
            ]),
            Publish(&["PUBLISH", "a", "reset"], 0),
            Say(&[&["SUBSCRIBE", "", "with space", "with\r\nend"]]),
            Publish(&["PUBLISH", "with\r\nend", "eleven"], 1),
            Publish(&["PUBLISH", "", ""], 1),
            Last(&["QUIT"]),
        ],
    );
}

#[test]
fn a_subscriber_in_resp3_sees_no_difference() {
    compare(
        true,
        &[
            Say(&[&["UNSUBSCRIBE"], &["PUNSUBSCRIBE", "none"], &["SUNSUBSCRIBE"], &["SUBSCRIBE"]]),
            Say(&[
                &["SUBSCRIBE", "a", "b", "a"],
                &["PING"],
                &["PING", "x"],
                &["SET", "k", "v"],
                &["GET", "none"],
            ]),
            Publish(&["PUBLISH", "a", "one"], 1),
            Say(&[
                &["PSUBSCRIBE", "a*", "[ab]"],
                &["HSET", "h", "f", "v"],
                &["HGETALL", "h"],
                &["SSUBSCRIBE", "s"],
            ]),
            Publish(&["PUBLISH", "b", "two"], 2),
            Publish(&["PUBLISH", "abc", "three"], 1),
            Publish(&["SPUBLISH", "s", "four"], 1),
            Say(&[&["PUBSUB", "NUMSUB", "a", "none"], &["PUBSUB", "NUMPAT"], &["PUBSUB", "SHARDCHANNELS"]]),
            Say(&[
                &["CLIENT", "REPLY", "OFF"],
                &["SUBSCRIBE", "c"],
                &["GET", "k"],
                &["CLIENT", "REPLY", "ON"],
            ]),
            Say(&[&["UNSUBSCRIBE", "a", "none"], &["PUNSUBSCRIBE", "a*", "[ab]"], &["GET", "k"]]),
            Publish(&["PUBLISH", "a", "five"], 0),
            Say(&[&["UNSUBSCRIBE", "b", "c"], &["UNSUBSCRIBE"], &["SUNSUBSCRIBE"], &["GET", "k"]]),
            Last(&["QUIT"]),
        ],
    );
}
