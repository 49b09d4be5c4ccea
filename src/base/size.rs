//! Sizes in bytes, written `"16MiB"`.

use core::fmt;
use core::str::FromStr;

/// A number of bytes. Units are binary (`KiB`, `MiB`, `GiB`) or plain `B`; a bare number is refused,
/// because `64` could mean either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    pub const fn kib(n: u64) -> ByteSize {
        ByteSize(n << 10)
    }

    pub const fn mib(n: u64) -> ByteSize {
        ByteSize(n << 20)
    }

    /// In memory's own unit; a size past the address space is as good as no limit.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ByteSizeError {
    #[error("a size needs a unit: write \"{0}B\", \"{0}KiB\" or \"{0}MiB\"")]
    NoUnit(String),
    #[error("not a size: write a number and B, KiB, MiB or GiB, as in \"16MiB\"")]
    NotASize,
    #[error("larger than any size that can be kept")]
    TooLarge,
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<ByteSize, ByteSizeError> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ByteSizeError::NoUnit(text.to_owned()));
        }
        let (unit, factor) =
            UNITS.iter().find(|(unit, _)| text.ends_with(unit)).ok_or(ByteSizeError::NotASize)?;
        let digits = text[..text.len() - unit.len()].trim_end();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ByteSizeError::NotASize);
        }
        let number: u64 = digits.parse().map_err(|_| ByteSizeError::TooLarge)?;
        number.checked_mul(*factor).map(ByteSize).ok_or(ByteSizeError::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&UNITS[3]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for (text, bytes) in [("1B", 1), ("64KiB", 65536), ("16MiB", 16 << 20), ("2 GiB", 2 << 30)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        assert_eq!(ByteSize(16 << 20).to_string(), "16MiB");
        assert_eq!(ByteSize(1000).to_string(), "1000B");
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_a_hint() {
        assert_eq!("64".parse::<ByteSize>(), Err(ByteSizeError::NoUnit("64".into())));
        for text in ["", "MiB", "x", "-1B", "1.5MiB", "64MB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ByteSizeError::NotASize), "{text}");
        }
        assert_eq!("99999999999GiB".parse::<ByteSize>(), Err(ByteSizeError::TooLarge));
    }
}
