//! Medians of runs taken in turn, as a table and as JSON.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::worker::{Run, Worker};
use evcxr_prewarm::stamp::replace_file;

/// What a case is measured in, and what is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// The more, the better.
    ImagesPerSecond,
    /// The fewer, the better.
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

    fn write(self, value: f64) -> String {
        match self {
            Unit::ImagesPerSecond | Unit::Megabytes => format!("{value:.0}"),
            Unit::Seconds | Unit::Milliseconds => format!("{value:.2}"),
        }
    }
}

/// One case, measured on every side, run by run. A side that has nothing to say has no runs.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) sides: Vec<Vec<f64>>,
}

impl Case {
    /// Asks every worker in turn, `runs` times, how many images a second it does.
    pub(super) fn measure(
        name: &str,
        workers: &mut [Worker],
        request: &str,
        runs: usize,
        same_work: &SameWork,
    ) -> Result<Case> {
        println!("{name}: {runs} runs");
        let mut sides = vec![Vec::new(); workers.len()];
        for run in 0..runs {
            let mut found = vec![None; workers.len()];
            for side in turns(run, workers.len()) {
                found[side] = Some(Run::read(&workers[side].ask(request)?)?);
            }
            let found: Vec<Run> = found.into_iter().flatten().collect();
            same_work.check(&found)?;
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

    /// How much better the first side is than another one.
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

/// Another side begins with each run: who comes later finds a warmer processor.
pub(super) fn turns(run: usize, sides: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |turn| (run + turn) % sides)
}

/// What every side must have computed.
pub(super) struct SameWork {
    /// By what share the checksums may differ from the first.
    pub(super) tolerance: f64,
    /// The message, up to the checksums.
    pub(super) otherwise: &'static str,
}

impl SameWork {
    pub(super) fn check(&self, runs: &[Run]) -> Result<()> {
        let checksums: Vec<f64> = runs.iter().map(|run| run.checksum).collect();
        let near = |sum: &f64| (sum - checksums[0]).abs() <= self.tolerance * checksums[0].abs();
        ensure!(
            checksums.iter().all(near),
            "{} {checksums:?}",
            self.otherwise
        );
        Ok(())
    }
}

/// What a measure found.
pub(super) struct Report<'a> {
    /// The names of its files, and of the command's argument.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Ours is the first.
    pub(super) sides: &'a [&'static str],
    pub(super) cases: Vec<Case>,
    /// What is to be told besides.
    pub(super) notes: Vec<String>,
}

impl Report<'_> {
    /// Prints the table, and leaves it and the single runs in target/bench.
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
        let described = json!({
            "what": heading,
            "date": bench.date,
            "processor": processor(),
            "threads": threads,
            "tch": bench.tch,
            "peers": peers,
            "cases": self.cases.iter().map(|case| self.described(case)).collect::<Vec<_>>(),
            "notes": self.notes,
        });
        let file = |ending: &str| bench.folder.join(name).with_extension(ending);
        replace_file(&file("json"), &serde_json::to_vec_pretty(&described)?)?;
        replace_file(&file("md"), text.as_bytes())?;
        println!("the single runs are in target/bench/{name}.json");
        Ok(())
    }

    fn described(&self, case: &Case) -> Value {
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

fn spread(values: &[f64], unit: Unit) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    let [median, smallest, largest] = [median(values), smallest, largest].map(|x| unit.write(x));
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
    fn the_median_is_the_one_in_the_middle() {
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
    fn another_side_begins_with_each_run() {
        assert_eq!(turns(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turns(4, 3).collect::<Vec<_>>(), [1, 2, 0]);
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
