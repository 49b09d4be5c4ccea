//! Patterns as Redis matches them (`stringmatchlen` in its util.c): `*`, `?`, `[abc]`, `[^a-c]`, and a
//! backslash before what is meant literally. Channels mean upper and lower case, names of parameters and
//! commands do not.

/// Whether the whole `text` fits `pattern`, upper or lower case.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_as(pattern, text, |byte| byte.to_ascii_lowercase())
}

/// Whether a channel fits a pattern that somebody is subscribed to.
pub(in crate::engine::road) fn fits(pattern: &[u8], channel: &[u8]) -> bool {
    matches_as(pattern, channel, |byte| byte)
}

/// Takes at most (length of pattern × length of text) steps: only the last `*` is ever tried again. Bytes
/// are the same whose `fold` is.
fn matches_as(pattern: &[u8], text: &[u8], fold: fn(u8) -> u8) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and up to where it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(next) = one(pattern, p, fold(text[t]), fold) {
            p = next;
            t += 1;
        } else if let Some((at, swallowed)) = star {
            star = Some((at, swallowed + 1));
            p = at + 1;
            t = swallowed + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// Whether `pattern` can fit more than one text.
pub(super) fn is_pattern(pattern: &[u8]) -> bool {
    pattern.iter().any(|b| b"*?[".contains(b))
}

/// Matches one byte against what stands at `p`, which is no `*`: where the pattern goes on.
fn one(pattern: &[u8], p: usize, byte: u8, fold: fn(u8) -> u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => set(pattern, p + 1, byte, fold),
        b'\\' if p + 1 < pattern.len() => (fold(pattern[p + 1]) == byte).then_some(p + 2),
        literal => (fold(literal) == byte).then_some(p + 1),
    }
}

/// A set, from behind its bracket. One that never ends goes to the pattern's end, as in Redis.
fn set(pattern: &[u8], mut p: usize, byte: u8, fold: fn(u8) -> u8) -> Option<usize> {
    let not = pattern.get(p) == Some(&b'^');
    p += usize::from(not);
    let mut found = false;
    while p < pattern.len() && pattern[p] != b']' {
        if pattern[p] == b'\\' && p + 1 < pattern.len() {
            found |= fold(pattern[p + 1]) == byte;
            p += 2;
        } else if pattern.len() >= p + 3 && pattern[p + 1] == b'-' {
            let ends = [fold(pattern[p]), fold(pattern[p + 2])];
            found |= (ends[0].min(ends[1])..=ends[0].max(ends[1])).contains(&byte);
            p += 3;
        } else {
            found |= fold(pattern[p]) == byte;
            p += 1;
        }
    }
    (found != not).then_some((p + 1).min(pattern.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_mean_upper_and_lower_case() {
        assert!(fits(b"n[a-c]ws.*", b"nbws.x") && !fits(b"n[a-c]ws.*", b"nBws.x") && !fits(b"News", b"news"));
    }

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("maxmem*", "maxmemory", true),
            ("MAX*", "maxmemory", true),
            ("*mem*pol*", "maxmemory-policy", true),
            ("*mem*pol", "maxmemory-policy", false),
            ("a*b*c", "aXbXbXc", true),
            ("t?meout", "timeout", true),
            ("t?meout", "tmeout", false),
            ("[st]ave", "save", true),
            ("[^s]ave", "save", false),
            ("[^s]ave", "nave", true),
            ("[a-m]x", "Bx", true),
            ("[m-a]x", "bx", true),
            ("[a-m]x", "zx", false),
            ("a[", "a", false),
            ("a[bc", "ab", true),
            ("[\\]]", "]", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", true),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 5000]));
    }
}
