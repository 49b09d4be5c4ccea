//! "Did you mean": the nearest of the known words, by Damerau-Levenshtein distance.

/// The known word nearest to what was written, if it is near enough to be a slip.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (distance(&written.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= allowed)
        // Among equally near ones, the one that begins like what was written.
        .min_by_key(|(distance, word)| (*distance, usize::MAX - alike(written, word)))
        .map(|(_, word)| word)
}

/// Characters that two words begin with in common.
fn alike(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

/// Inserted, missing and replaced characters, and swapped neighbours, each counting one.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["sentinels", "shards", "hold", "hold_max", "mymaster", "fnv1_64", "fnv1a_64"];
        for (written, meant) in [
            ("sentinel", Some("sentinels")),
            ("Sentinels", Some("sentinels")),
            ("shrads", Some("shards")),
            ("hodl", Some("hold")),
            ("holdmax", Some("hold_max")),
            ("mymastr", Some("mymaster")),
            ("fnv1a64", Some("fnv1a_64")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
