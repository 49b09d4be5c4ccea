//! Durations as people write them: `"250ms"`, `"1m30s"`. A bare number is refused, because `400` could
//! mean seconds or milliseconds.

use core::time::Duration;

/// Longest first where one is the end of another.
const UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Ten years: longer ones are slips, and would overflow sums of times.
const LONGEST_US: u64 = 3650 * 86_400_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mistake {
    NoUnit,
    NotADuration,
    TooLong,
}

/// Reads numbers with units, largest unit first or not, each at most once a unit.
pub(super) fn parse(text: &str) -> Result<Duration, Mistake> {
    let mut rest = text.trim();
    if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Mistake::NoUnit);
    }
    let mut micros: u64 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let (part, after) = one(rest)?;
        micros = micros.checked_add(part).filter(|sum| *sum <= LONGEST_US).ok_or(Mistake::TooLong)?;
        rest = after.trim_start();
        parts += 1;
    }
    if parts == 0 { Err(Mistake::NotADuration) } else { Ok(Duration::from_micros(micros)) }
}

fn one(text: &str) -> Result<(u64, &str), Mistake> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(Mistake::NotADuration)?;
    if digits == 0 {
        return Err(Mistake::NotADuration);
    }
    let rest = text[digits..].trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(Mistake::NotADuration)?;
    let number: u64 = text[..digits].parse().map_err(|_| Mistake::TooLong)?;
    Ok((number.checked_mul(*factor).ok_or(Mistake::TooLong)?, after))
}

/// The shortest single number with a unit.
pub(super) fn write(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return "0s".to_owned();
    }
    let (unit, factor) = UNITS
        .iter()
        .rev()
        // A day or an hour reads worse than "90m" when it does not divide, so only whole ones.
        .find(|(_, factor)| micros.is_multiple_of(*factor))
        .unwrap_or(&UNITS[0]);
    format!("{}{unit}", micros / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_it_is_written() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2000),
            ("0s", 0),
            ("1m30s", 90_000),
            ("2 h", 7_200_000),
            ("1m 5s", 65_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["250ms", "2s", "0s", "90s", "2h", "1d", "7us", "5m"] {
            assert_eq!(write(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        assert_eq!(parse("400"), Err(Mistake::NoUnit));
        for text in ["", "ms", "1.5s", "-1s", "1x", "s1", "1s1", "1S"] {
            assert_eq!(parse(text), Err(Mistake::NotADuration), "{text}");
        }
        for text in ["99999999999999999999s", "9999999999d", "40000d"] {
            assert_eq!(parse(text), Err(Mistake::TooLong), "{text}");
        }
    }
}
