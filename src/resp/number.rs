//! Numbers as Redis reads them (`string2ll` of its util.c): a minus or nothing in front, no leading
//! zeros, nothing around them, no overflow. What a node would refuse must not be let through.

/// A number that arrives byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digits {
    value: u64,
    len: u8,
    negative: bool,
}

impl Digits {
    /// False if no number can go on like this.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if byte == b'-' && self.len == 0 && !self.negative {
            self.negative = true;
            return true;
        }
        let digit = byte.wrapping_sub(b'0');
        let leading_zero = self.len > 0 && self.value == 0;
        if digit > 9 || leading_zero || (self.negative && self.len == 0 && digit == 0) {
            return false;
        }
        let largest = i64::MAX as u64 + u64::from(self.negative);
        match self.value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit))) {
            Some(value) if value <= largest => {
                self.value = value;
                self.len += 1;
                true
            }
            _ => false,
        }
    }

    /// The number, if at least one digit came.
    pub(super) fn finish(self) -> Option<i64> {
        match (self.len, self.negative) {
            (0, _) => None,
            (_, false) => i64::try_from(self.value).ok(),
            (_, true) => 0i64.checked_sub_unsigned(self.value),
        }
    }
}

/// The number that `text` is, whole.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let mut digits = Digits::default();
    text.iter().all(|&byte| digits.push(byte)).then_some(())?;
    digits.finish()
}

/// The rest of a header line from `at` on, if it is all there and a number of one to nine digits: its
/// value and where the next line begins. `None` says nothing: look closely then.
#[inline(always)]
pub(super) fn quick(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(bytes.get(at)?.wrapping_sub(b'0'));
    if first > 9 {
        return None;
    }
    let mut value = first;
    let mut end = at + 1;
    loop {
        let byte = *bytes.get(end)?;
        if byte == b'\r' {
            return (*bytes.get(end + 1)? == b'\n').then_some((value, end + 2));
        }
        let digit = usize::from(byte.wrapping_sub(b'0'));
        if digit > 9 || first == 0 || end - at == 9 {
            return None;
        }
        value = value * 10 + digit;
        end += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_strict_as_redis() {
        let good: [(&[u8], i64); 6] = [
            (b"0", 0),
            (b"7", 7),
            (b"-1", -1),
            (b"1048576", 1_048_576),
            (b"9223372036854775807", i64::MAX),
            (b"-9223372036854775808", i64::MIN),
        ];
        for (text, number) in good {
            assert_eq!(parse(text), Some(number));
        }
        let bad: [&[u8]; 14] = [
            b"",
            b"-",
            b"+1",
            b"01",
            b"00",
            b"-0",
            b"-01",
            b" 1",
            b"1 ",
            b"1a",
            b"0x1",
            b"--1",
            b"9223372036854775808",
            b"-9223372036854775809",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn the_quick_way_reads_what_the_strict_one_reads_or_says_nothing() {
        for text in ["0", "9", "10", "99", "123456789"] {
            let line = format!("${text}\r\nx");
            assert_eq!(quick(line.as_bytes(), 1), Some((text.parse().unwrap(), line.len() - 1)));
        }
        for text in ["", "\r\n", "-1\r\n", "01\r\n", "1", "12\r", "12\rx", "1x\r\n", "1234567890\r\n"] {
            assert_eq!(quick(text.as_bytes(), 0), None, "{text:?}");
        }
    }
}
