//! The text format of Prometheus, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>): what `GET /metrics` answers.

use core::fmt::Write;

use super::registry::Samples;
use super::{Kind, Row};

/// The Content-Type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A sample's number. Counts stay whole: an f64 would swallow bytes above 2^53.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Number {
    Count(u64),
    Level(i64),
    Real(f64),
}

impl Number {
    /// What a sum of cells means for this kind of row.
    pub(super) fn of(kind: Kind, bits: u64) -> Number {
        match kind {
            Kind::Counter => Number::Count(bits),
            Kind::Gauge => Number::Level(bits as i64),
        }
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Number::Count(n) => n as f64,
            Number::Level(n) => n as f64,
            Number::Real(n) => n,
        }
    }

    pub(super) fn add(&mut self, other: Number) {
        *self = match (*self, other) {
            (Number::Count(a), Number::Count(b)) => Number::Count(a.wrapping_add(b)),
            (Number::Level(a), Number::Level(b)) => Number::Level(a.wrapping_add(b)),
            (a, b) => Number::Real(a.as_f64() + b.as_f64()),
        };
    }

    fn write(self, out: &mut String) {
        let written = match self {
            Number::Count(n) => write!(out, "{n}"),
            Number::Level(n) => write!(out, "{n}"),
            Number::Real(n) if n.is_infinite() => write!(out, "{}Inf", if n > 0.0 { '+' } else { '-' }),
            Number::Real(n) => write!(out, "{n}"),
        };
        written.expect("a String takes everything");
    }
}

/// One row with its series; a row without any is left out.
pub(super) fn family(out: &mut String, row: &Row, samples: &Samples) {
    if samples.is_empty() {
        return;
    }
    out.push_str("# HELP ");
    out.push_str(row.name);
    out.push(' ');
    escape(out, row.help, false);
    out.push_str("\n# TYPE ");
    out.push_str(row.name);
    out.push(' ');
    out.push_str(row.kind.word());
    out.push('\n');
    for (values, number) in samples {
        out.push_str(row.name);
        labels(out, row.labels, values);
        out.push(' ');
        number.write(out);
        out.push('\n');
    }
}

fn labels(out: &mut String, names: &[&str], values: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut before = '{';
    for (name, value) in names.iter().zip(values) {
        out.push(before);
        out.push_str(name);
        out.push_str("=\"");
        escape(out, value, true);
        out.push('"');
        before = ',';
    }
    out.push('}');
}

/// Backslash and line feed are escaped everywhere, the quote only inside quotes.
fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row: &Row, samples: &[(&[&str], Number)], expected: &str) {
        let samples = samples
            .iter()
            .map(|(values, number)| (values.iter().map(|&v| v.to_owned()).collect(), *number))
            .collect();
        let mut text = String::new();
        family(&mut text, row, &samples);
        assert_eq!(text, expected);
    }

    #[test]
    fn a_row_is_written_with_its_help_and_type() {
        let row = Row { name: "n_total", kind: Kind::Counter, labels: &["a", "b"], help: "Says \"n\"\\." };
        check(
            &row,
            &[(&["1", "x"], Number::Count(u64::MAX)), (&["2", "y"], Number::Count(0))],
            "# HELP n_total Says \"n\"\\\\.\n# TYPE n_total counter\n\
             n_total{a=\"1\",b=\"x\"} 18446744073709551615\nn_total{a=\"2\",b=\"y\"} 0\n",
        );
        check(&row, &[], "");
    }

    #[test]
    fn labels_are_escaped() {
        let row = Row { name: "g", kind: Kind::Gauge, labels: &["l"], help: "G." };
        check(
            &row,
            &[(&["a\\b\"c\nd\u{e9}"], Number::Level(-1))],
            "# HELP g G.\n# TYPE g gauge\ng{l=\"a\\\\b\\\"c\\nd\u{e9}\"} -1\n",
        );
    }

    #[test]
    fn real_numbers_are_written_as_prometheus_reads_them() {
        for (number, expected) in [
            (0.25, "0.25"),
            (1.0, "1"),
            (1e21, "1000000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut text = String::new();
            Number::Real(number).write(&mut text);
            assert_eq!(text, expected);
        }
    }
}
