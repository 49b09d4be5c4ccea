//! Whatever a node sends: cut anywhere, the same replies are found; what looks into them stays within
//! them; nothing panics.
#![no_main]

use ketch::internals::resp::{Elements, ReplyScan, ReplyScanner, Value, error_code, integer_of};
use libfuzzer_sys::fuzz_target;

// The first byte says how large the pieces are.
fuzz_target!(|data: &[u8]| {
    let Some((&piece, bytes)) = data.split_first() else { return };
    let mut scanner = ReplyScanner::default();
    let mut rest = bytes;
    loop {
        let whole = scanner.advance(rest);
        assert_eq!(in_pieces(rest, usize::from(piece) + 1), whole);
        check_tree(rest, whole);
        match whole {
            ReplyScan::Done(len) => {
                look_into(&rest[..len]);
                rest = &rest[len..];
            }
            ReplyScan::More | ReplyScan::Error(_) => break,
        }
    }
    look_into(rest);
});

fn in_pieces(bytes: &[u8], piece: usize) -> ReplyScan {
    let mut scanner = ReplyScanner::default();
    let mut given = 0;
    for piece in bytes.chunks(piece) {
        match scanner.advance(piece) {
            ReplyScan::More => given += piece.len(),
            ReplyScan::Done(len) => return ReplyScan::Done(given + len),
            error => return error,
        }
    }
    ReplyScan::More
}

/// The tree may be refused for its content; it never ends elsewhere.
fn check_tree(bytes: &[u8], scan: ReplyScan) {
    match (Value::parse(bytes), scan) {
        (Err(_), _) | (_, ReplyScan::Error(_)) | (Ok(None), ReplyScan::More) => {}
        (Ok(Some((_, tree))), ReplyScan::Done(len)) => assert_eq!(tree, len),
        other => panic!("{other:?}"),
    }
}

fn look_into(reply: &[u8]) {
    let _ = (integer_of(reply), error_code(reply));
    if let Some(elements) = Elements::of(reply) {
        assert!(elements.map(<[u8]>::len).sum::<usize>() < reply.len());
    }
}
