//! Whatever a client sends: cut anywhere, the same requests are found; a streamed request ends where a
//! kept one ends; nothing panics.
#![no_main]

use ketch::internals::resp::{RequestLimits, RequestScanner, Scanned, Span, TailScan, inline_to_array};
use libfuzzer_sys::fuzz_target;

const LIMITS: RequestLimits =
    RequestLimits { max_request: 4096, max_args: 64, max_inline: 256, max_bulk: 2048 };

// The first byte says how large the pieces are.
fuzz_target!(|data: &[u8]| {
    let Some((&piece, bytes)) = data.split_first() else { return };
    let piece = usize::from(piece) + 1;
    let mut rest = bytes;
    loop {
        let (whole, spans) = scan(rest, rest.len().max(1));
        assert_eq!(scan(rest, piece), (whole, spans));
        check_tail(rest, piece, whole);
        match whole {
            Scanned::Incomplete | Scanned::Error(_) => return,
            Scanned::Empty { len } | Scanned::Request { len } => rest = &rest[len..],
            Scanned::Inline { len } => {
                let _ = inline_to_array(&rest[..len], &mut Vec::new());
                rest = &rest[len..];
            }
        }
    }
});

/// The first request in `bytes`, given in pieces.
fn scan(bytes: &[u8], piece: usize) -> (Scanned, Vec<Span>) {
    let (mut scanner, mut spans) = (RequestScanner::default(), Vec::new());
    let mut end = 0;
    loop {
        end = (end + piece).min(bytes.len());
        let scanned = scanner.scan(&bytes[..end], &mut spans, &LIMITS);
        if scanned != Scanned::Incomplete || end == bytes.len() {
            return (scanned, spans);
        }
    }
}

/// Streams the request from the first piece on, if that ends in a body.
fn check_tail(bytes: &[u8], piece: usize, whole: Scanned) {
    let mut scanner = RequestScanner::default();
    let taken = piece.min(bytes.len());
    let scanned = scanner.scan(&bytes[..taken], &mut Vec::new(), &LIMITS);
    if scanned != Scanned::Incomplete || scanner.pending().is_none() {
        return;
    }
    let mut by_byte = scanner.into_tail(taken);
    let at_once = scanner.into_tail(taken).advance(&bytes[taken..], &LIMITS);
    let mut given = 0;
    for byte in bytes[taken..].chunks(1) {
        match by_byte.advance(byte, &LIMITS) {
            TailScan::More => given += 1,
            TailScan::Done(len) => {
                assert_eq!(at_once, TailScan::Done(given + len));
                break;
            }
            error => {
                assert_eq!(at_once, error);
                break;
            }
        }
    }
    match (whole, at_once) {
        (Scanned::Request { len }, end) => assert_eq!(end, TailScan::Done(len - taken)),
        // The tail does not wait for the end of a header line that it can see to be none.
        (Scanned::Incomplete, TailScan::More | TailScan::Error(_)) => {}
        (Scanned::Error(_), TailScan::Error(_)) => {}
        other => panic!("{other:?}"),
    }
}
