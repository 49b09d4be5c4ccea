//! Figures of all rounds → a table with medians and ratios, and JSON lines.
//!
//! A ratio is the median of the rounds' own ratios: both of its figures were measured within seconds of
//! each other, so a machine that gets slower during the run moves both.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One peer in one round of one case.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) round: usize,
    /// Such as "get-p16".
    pub(crate) case: String,
    pub(crate) peer: &'static str,
    pub(crate) requests: u64,
    pub(crate) requests_per_second: f64,
    /// Microseconds of the proxy's CPU a request; `None` for Redis itself.
    pub(crate) proxy_us: Option<f64>,
    /// Microseconds of the nodes' CPU a request.
    pub(crate) redis_us: f64,
    /// Microseconds from a batch's first byte sent to its last byte received.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Sample {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "round": self.round, "case": self.case, "peer": self.peer, "requests": self.requests,
            "requests_per_second": self.requests_per_second, "proxy_us": self.proxy_us,
            "redis_us": self.redis_us, "p50_us": self.p50_us, "p99_us": self.p99_us,
        })
    }
}

type Figure = fn(&Sample) -> Option<f64>;

const RATE: Figure = |sample| Some(sample.requests_per_second);
const PROXY: Figure = |sample| sample.proxy_us;
const REDIS: Figure = |sample| Some(sample.redis_us);
const P50: Figure = |sample| Some(sample.p50_us);
const P99: Figure = |sample| Some(sample.p99_us);

/// Columns: heading, figure, digits behind the point.
const COLUMNS: [(&str, Figure, usize); 5] = [
    ("requests/s", RATE, 0),
    ("proxy µs", PROXY, 3),
    ("redis µs", REDIS, 3),
    ("p50 µs", P50, 0),
    ("p99 µs", P99, 0),
];

/// Ratios: heading, JSON name, figure, what it is divided by.
const RATIOS: [(&str, &str, Figure, &str); 4] = [
    ("rate/nutcracker", "rate_to_nutcracker", RATE, "nutcracker"),
    ("cpu/nutcracker", "proxy_us_to_nutcracker", PROXY, "nutcracker"),
    ("p50/nutcracker", "p50_to_nutcracker", P50, "nutcracker"),
    ("rate/redis", "rate_to_redis", RATE, "redis"),
];

/// All samples of one run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) samples: Vec<Sample>,
}

impl Report {
    /// The table of one case; peers in the order of their first samples.
    pub(crate) fn table(&self, case: &str) -> String {
        let mut table = format!("{case}\n  {:<12}", "");
        for (heading, ..) in COLUMNS {
            let _ = write!(table, "{heading:>12}");
        }
        for (heading, ..) in RATIOS {
            let _ = write!(table, "{heading:>17}");
        }
        for peer in self.peers(case) {
            let _ = write!(table, "\n  {peer:<12}");
            for (_, figure, digits) in COLUMNS {
                let _ = write!(table, "{:>12}", shown(self.median(case, peer, figure), digits));
            }
            for (_, _, figure, base) in RATIOS {
                let _ = write!(table, "{:>17}", shown(self.ratio(case, peer, figure, base), 2));
            }
        }
        table
    }

    /// Medians and ratios of one case, a value a peer.
    pub(crate) fn summary(&self, case: &str) -> Vec<Value> {
        let summary = |peer: &'static str| {
            let mut line = json!({
                "summary": case, "peer": peer, "rounds": self.of(case, peer).count(),
                "requests_per_second": self.median(case, peer, RATE),
                "proxy_us": self.median(case, peer, PROXY), "redis_us": self.median(case, peer, REDIS),
                "p50_us": self.median(case, peer, P50), "p99_us": self.median(case, peer, P99),
            });
            for (_, name, figure, base) in RATIOS {
                line[name] = json!(self.ratio(case, peer, figure, base));
            }
            line
        };
        self.peers(case).into_iter().map(summary).collect()
    }

    fn of<'a>(&'a self, case: &'a str, peer: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.case == case && sample.peer == peer)
    }

    fn peers(&self, case: &str) -> Vec<&'static str> {
        let mut peers = Vec::new();
        for sample in self.samples.iter().filter(|sample| sample.case == case) {
            if !peers.contains(&sample.peer) {
                peers.push(sample.peer);
            }
        }
        peers
    }

    fn median(&self, case: &str, peer: &str, figure: Figure) -> Option<f64> {
        median(self.of(case, peer).filter_map(figure).collect())
    }

    fn ratio(&self, case: &str, peer: &str, figure: Figure, base: &str) -> Option<f64> {
        let of_round = |sample: &Sample| {
            let base = self.of(case, base).find(|base| base.round == sample.round)?;
            Some(figure(sample)? / figure(base)?)
        };
        median(self.of(case, peer).filter_map(of_round).collect())
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or("-".to_owned(), |figure| format!("{figure:.digits$}"))
}
