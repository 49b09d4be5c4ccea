//! What finding the ends of small requests and replies costs: one line a case, nanoseconds each. It has
//! no statistics: the best of some rounds is what the machine can do.

use std::hint::black_box;
use std::time::Instant;

use ketch::internals::resp::{ReplyScan, ReplyScanner, RequestLimits, RequestScanner, Scanned, command};

const LIMITS: RequestLimits =
    RequestLimits { max_request: 512 << 20, max_args: 1 << 20, max_inline: 64 << 10, max_bulk: 512 << 20 };
const IN_A_ROW: usize = 256;
const TURNS: usize = 400;
const ROUNDS: usize = 20;

fn main() {
    let value = [b'x'; 64];
    requests("GET key:000000000001", &[b"GET", b"key:000000000001"]);
    requests("SET of 64 B in all", &[b"SET", b"key:000000000001", &value[..19]]);
    requests("SET, value of 64 B", &[b"SET", b"key:000000000001", &value]);
    requests("SET, value of 1 KiB", &[b"SET", b"key:000000000001", &[b'x'; 1024]]);
    requests("MGET of 16 keys", &[&[&b"MGET"[..]], &[&b"key:000000000001"[..]; 16][..]].concat());
    replies("+OK", b"+OK\r\n");
    replies(":1", b":1\r\n");
    replies("bulk of 64 B", &[&b"$64\r\n"[..], &value, b"\r\n"].concat());
    replies("16 bulks of 3 B", &[&b"*16\r\n"[..], &b"$3\r\nabc\r\n".repeat(16)].concat());
    small_pieces();
}

/// The best round's nanoseconds for each of the `IN_A_ROW` that `turn` goes over.
fn best(mut turn: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TURNS {
            turn();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (TURNS * IN_A_ROW) as f64);
    }
    best
}

fn requests(name: &str, args: &[&[u8]]) {
    let mut one = Vec::new();
    command(&mut one, args);
    let bytes = one.repeat(IN_A_ROW);
    let mut spans = Vec::new();
    let ns = best(|| {
        let mut rest = black_box(&bytes[..]);
        while !rest.is_empty() {
            spans.clear();
            let Scanned::Request { len } = RequestScanner::default().scan(rest, &mut spans, &LIMITS) else {
                panic!("a sound request was refused");
            };
            black_box(&spans);
            rest = &rest[len..];
        }
    });
    println!("{name:24} {ns:7.1} ns a request of {} bytes", one.len());
}

fn replies(name: &str, one: &[u8]) {
    let bytes = one.repeat(IN_A_ROW);
    let mut scanner = ReplyScanner::default();
    let ns = best(|| {
        let mut rest = black_box(&bytes[..]);
        while !rest.is_empty() {
            let ReplyScan::Done(len) = scanner.advance(rest) else { panic!("a sound reply was refused") };
            rest = &rest[black_box(len)..];
        }
    });
    println!("{name:24} {ns:7.1} ns a reply of {} bytes", one.len());
}

/// An MSET of 100,000 arguments, given in pieces of 16 bytes: linear, or it would take minutes.
fn small_pieces() {
    let args: Vec<&[u8]> = [&b"MSET"[..]].into_iter().chain([&b"0123456789"[..]; 99_999]).collect();
    let mut bytes = Vec::new();
    command(&mut bytes, &args);
    let start = Instant::now();
    let (mut scanner, mut spans, mut end) = (RequestScanner::default(), Vec::new(), 0);
    while end < bytes.len() {
        end = (end + 16).min(bytes.len());
        black_box(scanner.scan(&bytes[..end], &mut spans, &LIMITS));
    }
    let ns = start.elapsed().as_nanos() as f64 / spans.len() as f64;
    println!("{:24} {ns:7.1} ns an argument", "MSET in 16 B pieces");
}
