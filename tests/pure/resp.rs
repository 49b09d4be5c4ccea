//! RESP scanners against themselves (however the bytes are cut, the frames are the same) and against the
//! `redis-protocol` crate, which was written by others. Where the two differ is said at each comparison.

use ketch::internals::resp::{
    Elements, ProtocolError, ReplyError, ReplyScan, ReplyScanner, RequestLimits, RequestScanner, Scanned,
    TailScan, Value, inline_to_array,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use redis_protocol::{resp2, resp3};

const LIMITS: RequestLimits =
    RequestLimits { max_request: 1 << 20, max_args: 1024, max_inline: 512, max_bulk: 1 << 16 };

// What is sent.

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn aggregate(kind: char, len: usize, elements: &[Vec<u8>]) -> Vec<u8> {
    [format!("{kind}{len}\r\n").into_bytes(), elements.concat()].concat()
}

/// Bodies that hold what headers hold, mostly short.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(select(&b"\r\n$*:+-019abc\0\xff"[..]), 0..16),
        1 => vec(any::<u8>(), 90..120),
        1 => vec(any::<u8>(), 990..1010),
    ]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    vec(body(), 1..14).prop_map(|args| {
        let bulks: Vec<Vec<u8>> = args.iter().map(|arg| bulk(arg)).collect();
        aggregate('*', bulks.len(), &bulks)
    })
}

/// Requests in every form, and what is none.
fn client_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => request(),
        1 => select(vec!["*0\r\n", "*-1\r\n", "\r\n", "\n", " \r\n"]).prop_map(|s| s.as_bytes().to_vec()),
        1 => "[ -)+-~]{0,30}\r?\n".prop_map(String::into_bytes),
    ]
}

/// What may be a key of a map, to the oracle as well.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,20}".prop_map(|s| format!("+{s}\r\n").into_bytes()),
        any::<i64>().prop_map(|n| format!(":{n}\r\n").into_bytes()),
        body().prop_map(|b| bulk(&b)),
    ]
}

fn resp2_reply() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        4 => plain(),
        1 => "[A-Z]{2,9} [ -~]{0,20}".prop_map(|s| format!("-{s}\r\n").into_bytes()),
        1 => select(vec!["$-1\r\n", "*-1\r\n"]).prop_map(|s| s.as_bytes().to_vec()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| vec(inner, 0..6).prop_map(|e| aggregate('*', e.len(), &e)))
}

fn resp3_reply() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        4 => plain(),
        1 => "-[A-Z]{2,9} [ -~]{0,20}\r\n".prop_map(String::into_bytes),
        1 => select(vec!["_\r\n", "#t\r\n", "#f\r\n", ",1.5\r\n", ",-inf\r\n"]).prop_map(|s| s.as_bytes().to_vec()),
        1 => "\\([1-9][0-9]{0,30}\r\n".prop_map(String::into_bytes),
        1 => "[ -~]{0,20}".prop_map(|s| format!("={}\r\ntxt:{s}\r\n", s.len() + 4).into_bytes()),
        1 => "[ -~]{0,20}".prop_map(|s| format!("!{}\r\n{s}\r\n", s.len()).into_bytes()),
        1 => (pairs(plain()), plain()).prop_map(|(p, reply)| [map('|', &p), reply].concat()),
    ];
    let nested = leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|e| aggregate('*', e.len(), &e)),
            vec(plain(), 0..6).prop_map(|e| aggregate('~', e.len(), &e)),
            pairs(inner).prop_map(|p| map('%', &p)),
        ]
    });
    prop_oneof![
        9 => nested.clone(),
        1 => vec(nested, 1..4).prop_map(|e| aggregate('>', e.len(), &e)),
    ]
}

fn pairs(value: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    vec((plain(), value), 0..4)
}

fn map(kind: char, pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let flat: Vec<Vec<u8>> = pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect();
    aggregate(kind, pairs.len(), &flat)
}

/// The same with some bytes replaced, inserted or left out.
fn damaged(sound: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte = select(&b"\r\n$*:+-0123459?x|%~>=_!,#(H;."[..]);
    (sound, vec((any::<Index>(), byte, 0..3u8), 1..4)).prop_map(|(mut bytes, damages)| {
        for (index, byte, how) in damages {
            // Mostly at the beginning, where the headers are.
            let at = index.index(bytes.len().clamp(1, 40)).min(bytes.len());
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

// What is made of it.

#[derive(PartialEq, Debug)]
enum Frame {
    Request(Vec<Vec<u8>>),
    Inline(Result<Vec<u8>, ProtocolError>),
    Empty(usize),
    Error(ProtocolError),
    Unfinished(usize),
}

/// Everything that arrives in these pieces, as a client's session would find it.
fn requests(pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut scanner, mut spans) = (RequestScanner::default(), Vec::new());
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let len = match scanner.scan(&buffer, &mut spans, &LIMITS) {
                Scanned::Incomplete => break,
                Scanned::Empty { len } => {
                    frames.push(Frame::Empty(len));
                    len
                }
                Scanned::Request { len } => {
                    assert_eq!(spans.last().map(|span| span.end() + 2), Some(len));
                    frames.push(Frame::Request(spans.iter().map(|span| span.of(&buffer).to_vec()).collect()));
                    len
                }
                Scanned::Inline { len } => {
                    let mut array = Vec::new();
                    frames.push(Frame::Inline(inline_to_array(&buffer[..len], &mut array).map(|_| array)));
                    len
                }
                Scanned::Error(error) => {
                    frames.push(Frame::Error(error));
                    return frames;
                }
            };
            assert!(len > 0 && len <= buffer.len());
            buffer.drain(..len);
            (scanner, spans) = Default::default();
        }
    }
    frames.push(Frame::Unfinished(buffer.len()));
    frames
}

/// The lengths of all replies in these pieces, then what is left over or wrong.
fn replies(pieces: &[&[u8]]) -> (Vec<usize>, Result<usize, ReplyError>) {
    let mut scanner = ReplyScanner::default();
    let (mut lengths, mut so_far) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match scanner.advance(rest) {
                ReplyScan::More => {
                    so_far += rest.len();
                    assert!(!scanner.is_idle());
                    assert!(scanner.expected_len().is_none_or(|expected| expected > so_far));
                    break;
                }
                ReplyScan::Done(len) => {
                    assert!(len > 0 && scanner.is_idle() && scanner.expected_len().is_none());
                    lengths.push(so_far + len);
                    so_far = 0;
                    rest = &rest[len..];
                }
                ReplyScan::Error(error) => return (lengths, Err(error)),
            }
        }
    }
    (lengths, Ok(so_far))
}

/// Cut where the indices say.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn byte_by_byte(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks(1).collect()
}

fn one_reply(bytes: &[u8]) -> ReplyScan {
    ReplyScanner::default().advance(bytes)
}

/// Two readers of one beginning may differ in what they refuse, never in where it ends: then one would
/// take for a reply what to the other is part of a value.
fn same_end(ours: ReplyScan, theirs: &Option<usize>) -> bool {
    match (ours, theirs) {
        (ReplyScan::Error(_), _) => true,
        (ReplyScan::Done(ours), Some(theirs)) => ours == *theirs,
        (ReplyScan::More, None) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_the_same_however_they_are_cut(
        sent in vec(client_bytes(), 1..6), cuts in vec(any::<Index>(), 0..20),
    ) {
        let bytes = sent.concat();
        let whole = requests(&[&bytes]);
        prop_assert_eq!(whole.len(), sent.len() + 1);
        prop_assert_eq!(whole.last(), Some(&Frame::Unfinished(0)));
        prop_assert_eq!(&requests(&pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&requests(&byte_by_byte(&bytes)), &whole);
    }

    #[test]
    fn damaged_requests_are_the_same_however_they_are_cut(
        bytes in damaged(vec(client_bytes(), 1..4).prop_map(|sent| sent.concat())),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let whole = requests(&[&bytes]);
        prop_assert_eq!(&requests(&pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&requests(&byte_by_byte(&bytes)), &whole);
    }

    #[test]
    fn a_streamed_request_ends_where_a_kept_one_ends(
        request in request(), cut in any::<Index>(), cuts in vec(any::<Index>(), 0..8),
    ) {
        let cut = cut.index(request.len());
        let mut scanner = RequestScanner::default();
        prop_assert_eq!(scanner.scan(&request[..cut], &mut Vec::new(), &LIMITS), Scanned::Incomplete);
        if let Some(pending) = scanner.pending() {
            prop_assert!(pending.arg < pending.args && (pending.start..pending.start + pending.len + 2).contains(&cut));
            let rest = [&request[cut..], b"*1\r\n$4\r\nPING\r\n"].concat();
            let mut tail = scanner.into_tail(cut);
            let mut given = cut;
            for piece in pieces(&rest, &cuts) {
                match tail.advance(piece, &LIMITS) {
                    TailScan::More => given += piece.len(),
                    done => {
                        prop_assert_eq!(done, TailScan::Done(request.len() - given));
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "the tail did not end");
        }
    }

    #[test]
    fn replies_are_the_same_however_they_are_cut(
        sent in vec(prop_oneof![resp2_reply(), resp3_reply()], 1..6), cuts in vec(any::<Index>(), 0..20),
    ) {
        let bytes = sent.concat();
        let whole = (sent.iter().map(Vec::len).collect(), Ok(0));
        prop_assert_eq!(&replies(&[&bytes]), &whole);
        prop_assert_eq!(&replies(&pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&replies(&byte_by_byte(&bytes)), &whole);
    }

    #[test]
    fn damaged_replies_are_the_same_however_they_are_cut(
        bytes in damaged(prop_oneof![resp2_reply(), resp3_reply()]), cuts in vec(any::<Index>(), 0..20),
    ) {
        let whole = replies(&[&bytes]);
        prop_assert_eq!(&replies(&pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&replies(&byte_by_byte(&bytes)), &whole);
    }

    #[test]
    fn any_bytes_are_framed_or_refused(bytes in vec(any::<u8>(), 0..200), cuts in vec(any::<Index>(), 0..9)) {
        prop_assert_eq!(requests(&pieces(&bytes, &cuts)), requests(&[&bytes]));
        prop_assert_eq!(replies(&pieces(&bytes, &cuts)), replies(&[&bytes]));
        prop_assert!(Elements::of(&bytes).is_none_or(|elements| elements.count() <= bytes.len()));
    }

    #[test]
    fn the_elements_of_an_array_are_what_was_put_in(elements in vec(resp3_reply(), 0..8)) {
        let array = aggregate('*', elements.len(), &elements);
        let walked: Vec<&[u8]> = Elements::of(&array).unwrap().collect();
        prop_assert_eq!(walked, elements);
    }

    // Against the oracle.

    #[test]
    fn sound_replies_have_the_length_that_the_oracle_finds(two in resp2_reply(), three in resp3_reply()) {
        let (_, len) = resp2::decode::decode_range(&two).unwrap().unwrap();
        prop_assert_eq!(one_reply(&two), ReplyScan::Done(len));
        let (_, len) = resp3::decode::complete::decode_range(&three).unwrap().unwrap();
        prop_assert_eq!(one_reply(&three), ReplyScan::Done(len));
    }

    /// The oracle is laxer: it takes any two bytes for a body's line end, lone `\r` and `\n` in lines, `+1`
    /// and `01` for lengths, and knows types that no node sends (`H`, `;`, `.`). It is stricter where only
    /// the content is wrong (`:abc`, `#x`), which does not move the end: its errors are not compared.
    #[test]
    fn damaged_replies_end_where_the_oracle_says_or_are_refused(two in damaged(resp2_reply()), three in damaged(resp3_reply())) {
        if let Ok(theirs) = resp2::decode::decode_range(&two) {
            // RESP3's types are unknown to it, so it refuses them even where they are.
            prop_assert!(same_end(one_reply(&two), &theirs.as_ref().map(|(_, len)| *len)), "{}", two.escape_ascii());
        }
        // Of a verbatim string it reads the format before it looks at the length: `=1` differs.
        if !three.contains(&b'=')
            && let Ok(theirs) = resp3::decode::complete::decode_range(&three)
        {
            prop_assert!(same_end(one_reply(&three), &theirs.as_ref().map(|(_, len)| *len)), "{}", three.escape_ascii());
        }
    }

    /// The control plane and the data path read the same nodes.
    #[test]
    fn replies_as_trees_end_where_scanned_replies_end(bytes in damaged(prop_oneof![resp2_reply(), resp3_reply()])) {
        if let Ok(tree) = Value::parse(&bytes) {
            prop_assert!(same_end(one_reply(&bytes), &tree.map(|(_, len)| len)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn sound_requests_have_the_arguments_that_the_oracle_finds(bytes in request()) {
        let (frame, len) = resp2::decode::decode(&bytes).unwrap().unwrap();
        let mut spans = Vec::new();
        prop_assert_eq!(RequestScanner::default().scan(&bytes, &mut spans, &LIMITS), Scanned::Request { len });
        let args: Vec<Vec<u8>> = spans.iter().map(|span| span.of(&bytes).to_vec()).collect();
        prop_assert_eq!(bulks(frame), Some(args));
    }

    /// The oracle has no limits, and is laxer as above; what Ketch takes, it takes as well.
    #[test]
    fn damaged_requests_end_where_the_oracle_says_or_are_refused(bytes in damaged(request())) {
        if bytes.first() != Some(&b'*') {
            return Ok(());
        }
        let theirs = resp2::decode::decode(&bytes);
        match RequestScanner::default().scan(&bytes, &mut Vec::new(), &LIMITS) {
            Scanned::Request { len } => {
                let (frame, theirs) = theirs.unwrap().unwrap();
                prop_assert_eq!(len, theirs);
                prop_assert!(bulks(frame).is_some());
            }
            Scanned::Incomplete => prop_assert!(theirs.unwrap().is_none()),
            Scanned::Empty { len } => prop_assert!(theirs.is_err() || theirs.unwrap().unwrap().1 == len),
            Scanned::Inline { .. } => prop_assert!(false, "an array is no line"),
            Scanned::Error(_) => {}
        }
    }
}

/// The arguments, if the frame is an array of bulk strings and nothing else.
fn bulks(frame: resp2::types::OwnedFrame) -> Option<Vec<Vec<u8>>> {
    use resp2::types::OwnedFrame::{Array, BulkString};
    let Array(elements) = frame else { return None };
    elements
        .into_iter()
        .map(|element| if let BulkString(bytes) = element { Some(bytes) } else { None })
        .collect()
}

#[test]
fn a_large_request_in_small_pieces_is_scanned_once() {
    let args = vec![b"0123456789".to_vec(); 100_000];
    let bulks: Vec<Vec<u8>> = args.iter().map(|arg| bulk(arg)).collect();
    let bytes = aggregate('*', bulks.len(), &bulks);
    let limits = RequestLimits { max_request: 1 << 30, max_args: 1 << 20, ..LIMITS };
    // Byte by byte: from the start each time, this would be 10^12 bytes and not end.
    let (mut scanner, mut spans) = (RequestScanner::default(), Vec::new());
    for end in 1..bytes.len() {
        assert_eq!(scanner.scan(&bytes[..end], &mut spans, &limits), Scanned::Incomplete);
    }
    assert_eq!(scanner.scan(&bytes, &mut spans, &limits), Scanned::Request { len: bytes.len() });
    assert_eq!(spans.len(), args.len());
    assert!(spans.iter().all(|span| span.of(&bytes) == b"0123456789"));
}
