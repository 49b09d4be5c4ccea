//! Which part of a key is hashed. The rule is twemproxy's `server_pool_idx` (src/nc_server.c), and with
//! `{}` it is Redis Cluster's. Pairs of one character twice, such as `$$`, are used in the field.

/// What lies between the first `tag[0]` and the first `tag[1]` behind it; the whole key if that is
/// empty, or if there is no such pair.
#[inline]
pub(super) fn hashed_part(key: &[u8], tag: [u8; 2]) -> &[u8] {
    tagged_part(key, tag).unwrap_or(key)
}

/// The same, if there is such a part.
#[inline]
pub(super) fn tagged_part(key: &[u8], tag: [u8; 2]) -> Option<&[u8]> {
    between(key, tag).filter(|part| !part.is_empty())
}

#[inline]
fn between(key: &[u8], [open, close]: [u8; 2]) -> Option<&[u8]> {
    let inner = &key[memchr::memchr(open, key)? + 1..];
    Some(&inner[..memchr::memchr(close, inner)?])
}

#[cfg(test)]
mod tests {
    use super::hashed_part;

    fn check(tag: &[u8; 2], key: &str, expected: &str) {
        assert_eq!(hashed_part(key.as_bytes(), *tag), expected.as_bytes(), "{key}");
    }

    #[test]
    fn the_first_pair_selects_unless_it_is_empty() {
        check(b"{}", "user:{42}:name", "42");
        check(b"{}", "{a}{b}", "a");
        check(b"{}", "}{z}{w}", "z");
        check(b"{}", "x{}y{z}", "x{}y{z}");
        check(b"{}", "q{open", "q{open");
        check(b"{}", "closed}", "closed}");
        check(b"{}", "{{a}}", "{a");
        check(b"{}", "{", "{");
        check(b"{}", "", "");
    }

    #[test]
    fn one_character_may_open_and_close() {
        check(b"$$", "$a$b$", "a");
        check(b"$$", "$$", "$$");
        check(b"$$", "a$b", "a$b");
    }
}
