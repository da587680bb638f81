//! The results of a measure as a table of medians and as JSON.

use std::fs;

use anyhow::{Result, ensure};
use evcxr_prewarm::stamp::replace_file;
use serde_json::{Value, json};

use super::context::Bench;
use super::worker::{Run, Worker, turn_order};

/// The unit of a case. It decides whether larger or smaller is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// Larger is better.
    ImagesPerSecond,
    /// Smaller is better, as for the following.
    Seconds,
    Milliseconds,
    Megabytes,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::ImagesPerSecond => "images/s",
            Unit::Seconds => "s",
            Unit::Milliseconds => "ms",
            Unit::Megabytes => "MB",
        }
    }

    fn format(self, value: f64) -> String {
        match self {
            Unit::ImagesPerSecond | Unit::Megabytes => format!("{value:.0}"),
            Unit::Seconds | Unit::Milliseconds => format!("{value:.2}"),
        }
    }
}

/// A row of the table: for each worker, the numbers of its runs. Workers that cannot do this have none.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) sides: Vec<Vec<f64>>,
}

impl Case {
    /// A case without runs so far.
    pub(super) fn empty(name: &str, unit: Unit, sides: usize) -> Case {
        Case {
            name: name.to_owned(),
            unit,
            sides: vec![Vec::new(); sides],
        }
    }

    /// Measures the images per second of each worker in turn, `runs` times.
    pub(super) fn measure(
        name: &str,
        workers: &mut [Worker],
        request: &str,
        runs: usize,
        same_result: &SameResult,
    ) -> Result<Case> {
        println!("{name}: {runs} runs");
        let mut sides = vec![Vec::new(); workers.len()];
        for run in 0..runs {
            let mut found = vec![None; workers.len()];
            for side in turn_order(run, workers.len()) {
                found[side] = Some(Run::parse(&workers[side].request(request)?)?);
            }
            let found: Vec<Run> = found.into_iter().flatten().collect();
            same_result.check(&found)?;
            for (side, run) in sides.iter_mut().zip(found) {
                side.push(run.images_per_second);
            }
        }
        Ok(Case {
            name: name.to_owned(),
            unit: Unit::ImagesPerSecond,
            sides,
        })
    }

    /// How many times better the first worker is than another one.
    fn ratio(&self, side: usize) -> f64 {
        let (ours, other) = (median(&self.sides[0]), median(&self.sides[side]));
        match self.unit {
            Unit::ImagesPerSecond => ours / other,
            _ => other / ours,
        }
    }

    fn row(&self) -> String {
        let mut row = format!("| {} ({}) |", self.name, self.unit.name());
        for (side, runs) in self.sides.iter().enumerate() {
            match runs.as_slice() {
                [] => row += " – |",
                runs if side == 0 => row += &format!(" {} |", spread(runs, self.unit)),
                runs => {
                    row += &format!(" {}: {:.1} × |", spread(runs, self.unit), self.ratio(side))
                }
            }
        }
        row
    }
}

/// Workers are compared only if they compute the same.
pub(super) struct SameResult {
    /// How far checksums may differ from the first, as a fraction of it.
    pub(super) tolerance: f64,
    /// The message if they differ further. The checksums follow it.
    pub(super) message: &'static str,
}

impl SameResult {
    pub(super) fn check(&self, runs: &[Run]) -> Result<()> {
        let checksums: Vec<f64> = runs.iter().map(|run| run.checksum).collect();
        let near = |sum: &f64| (sum - checksums[0]).abs() <= self.tolerance * checksums[0].abs();
        ensure!(checksums.iter().all(near), "{} {checksums:?}", self.message);
        Ok(())
    }
}

/// The results of a measure.
pub(super) struct Report<'a> {
    /// The measure, as on the command line. The files have this name, too.
    pub(super) name: &'static str,
    /// What is measured, for the heading.
    pub(super) what: &'static str,
    /// The names of the workers, ours first.
    pub(super) sides: &'a [&'static str],
    pub(super) cases: Vec<Case>,
    /// Paragraphs below the table.
    pub(super) notes: Vec<String>,
}

impl Report<'_> {
    /// Prints the table, and writes it and the single runs to target/bench. `peers` is the versions of the
    /// other programs.
    pub(super) fn publish(&self, bench: &Bench, peers: Value) -> Result<()> {
        let (name, runs, threads) = (self.name, bench.runs, bench.threads);
        let heading = format!(
            "{}; {threads} threads, median (smallest to largest) of {runs} runs, taken in turn, and \
             how many times better than the others. Again: `cargo xtask bench {name} --runs {runs} \
             --threads {threads}`",
            self.what
        );
        let text = format!("{heading}\n\n{}", self.table());
        println!("\n{text}");
        let json = json!({
            "what": heading,
            "date": bench.date,
            "processor": processor(),
            "threads": threads,
            "tch": bench.tch,
            "peers": peers,
            "cases": self.cases.iter().map(|case| self.case_json(case)).collect::<Vec<_>>(),
            "notes": self.notes,
        });
        let file = |extension: &str| bench.folder.join(name).with_extension(extension);
        replace_file(&file("json"), &serde_json::to_vec_pretty(&json)?)?;
        replace_file(&file("md"), text.as_bytes())?;
        println!("the single runs are in target/bench/{name}.json");
        Ok(())
    }

    fn case_json(&self, case: &Case) -> Value {
        let sides = self.sides.iter().zip(&case.sides);
        json!({
            "case": case.name,
            "unit": case.unit.name(),
            "runs": sides.map(|(name, runs)| ((*name).to_owned(), json!(runs)))
                .collect::<serde_json::Map<_, _>>(),
        })
    }

    fn table(&self) -> String {
        let mut table = format!("| | {} |\n", self.sides.join(" | "));
        table += &format!("| --- |{}\n", " ---: |".repeat(self.sides.len()));
        for case in &self.cases {
            table += &case.row();
            table.push('\n');
        }
        for note in &self.notes {
            table += &format!("\n{note}\n");
        }
        table
    }
}

/// The median, with the smallest and largest value: "5 (1 to 9)".
fn spread(values: &[f64], unit: Unit) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    let [median, smallest, largest] = [median(values), smallest, largest].map(|x| unit.format(x));
    if smallest == largest {
        return median;
    }
    format!("{median} ({smallest} to {largest})")
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = text.lines().find_map(|line| {
        let (_, name) = line.strip_prefix("model name")?.split_once(": ")?;
        Some(name.to_owned())
    });
    names.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
        assert!(median(&[]).is_nan());
        assert_eq!(
            spread(&[9.0, 1.0, 5.0], Unit::ImagesPerSecond),
            "5 (1 to 9)"
        );
        assert_eq!(spread(&[0.5], Unit::Seconds), "0.50");
    }

    #[test]
    fn the_table_has_medians_and_how_much_better_they_are() {
        let case = |name: &str, unit, sides| Case {
            name: name.to_owned(),
            unit,
            sides,
        };
        let ours = vec![60.0, 50.0, 70.0];
        let report = Report {
            name: "any",
            what: "anything",
            sides: &["ours", "one", "other"],
            cases: vec![
                case(
                    "batches of 100",
                    Unit::ImagesPerSecond,
                    vec![ours, vec![10.0, 10.0, 12.0], vec![120.0]],
                ),
                case("start", Unit::Seconds, vec![vec![2.0], vec![5.0], vec![]]),
            ],
            notes: vec!["As measured.".to_owned()],
        };
        let expected = "| | ours | one | other |\n| --- | ---: | ---: | ---: |\n\
                        | batches of 100 (images/s) | 60 (50 to 70) | 10 (10 to 12): 6.0 × | 120: 0.5 × |\n\
                        | start (s) | 2.00 | 5.00: 2.5 × | – |\n\
                        \nAs measured.\n";
        assert_eq!(report.table(), expected);
    }
}
