//! Medians of runs taken in turn, as a table and as JSON.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::worker::{Run, Worker};
use crate::stamp::replace_file;

/// One case, measured on every side: images a second, run by run.
pub(super) struct Case {
    name: &'static str,
    sides: Vec<Vec<f64>>,
}

impl Case {
    /// Asks every worker in turn, `runs` times.
    pub(super) fn measure(
        name: &'static str,
        workers: &mut [Worker],
        request: &str,
        runs: usize,
        same_work: &SameWork,
    ) -> Result<Case> {
        println!("{name}: {runs} runs");
        let mut sides = vec![Vec::new(); workers.len()];
        for run in 0..runs {
            let mut found = vec![None; workers.len()];
            // Another one begins each time: who comes later finds a warmer processor.
            for turn in 0..workers.len() {
                let side = (run + turn) % workers.len();
                found[side] = Some(workers[side].ask(request)?);
            }
            let found: Vec<Run> = found.into_iter().flatten().collect();
            same_work.check(&found)?;
            for (side, run) in sides.iter_mut().zip(found) {
                side.push(run.images_per_second);
            }
        }
        Ok(Case { name, sides })
    }

    /// How much faster the first side is than another one.
    fn ratio(&self, side: usize) -> f64 {
        median(&self.sides[0]) / median(&self.sides[side])
    }
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
    /// The names of its files.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Ours is the first.
    pub(super) sides: &'a [&'static str],
    pub(super) cases: Vec<Case>,
}

impl Report<'_> {
    /// Prints the table, and leaves it and the single runs in target/bench.
    pub(super) fn publish(&self, bench: &Bench, peers: Value) -> Result<()> {
        let (runs, threads) = (bench.runs, bench.threads);
        let heading = format!(
            "{}, {threads} threads, median (smallest to largest) of {runs} runs, taken in turn",
            self.what
        );
        let table = self.table();
        println!("\n{heading}\n\n{table}");
        let described = json!({
            "what": heading,
            "processor": processor(),
            "threads": threads,
            "peers": peers,
            "cases": self.cases.iter().map(|case| self.described(case)).collect::<Vec<_>>(),
        });
        let file = |ending: &str| bench.folder.join(self.name).with_extension(ending);
        replace_file(&file("json"), &serde_json::to_vec_pretty(&described)?)?;
        replace_file(&file("md"), format!("{heading}\n\n{table}").as_bytes())?;
        println!("the single runs are in target/bench/{}.json", self.name);
        Ok(())
    }

    fn described(&self, case: &Case) -> Value {
        let sides = self.sides.iter().zip(&case.sides);
        json!({
            "case": case.name,
            "images_per_second": sides.map(|(name, runs)| ((*name).to_owned(), json!(runs)))
                .collect::<serde_json::Map<_, _>>(),
        })
    }

    fn table(&self) -> String {
        let mut table = format!("| images | {} |\n", self.sides.join(" | "));
        table += &format!("| --- |{}\n", " ---: |".repeat(self.sides.len()));
        for case in &self.cases {
            table += &format!("| {} | {} |", case.name, spread(&case.sides[0]));
            for (index, side) in case.sides.iter().enumerate().skip(1) {
                table += &format!(" {}: {:.1} × |", spread(side), case.ratio(index));
            }
            table.push('\n');
        }
        table
    }
}

fn spread(values: &[f64]) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({smallest:.0} to {largest:.0})", median(values))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(": ")?
                    .1
                    .to_owned(),
            )
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(spread(&[9.0, 1.0, 5.0]), "5 (1 to 9)");
    }

    #[test]
    fn the_table_has_medians_and_their_ratio() {
        let report = Report {
            name: "any",
            what: "anything",
            sides: &["ours", "one", "other"],
            cases: vec![Case {
                name: "batches of 100",
                sides: vec![vec![60.0, 50.0, 70.0], vec![10.0, 10.0, 12.0], vec![120.0]],
            }],
        };
        let expected = "| images | ours | one | other |\n| --- | ---: | ---: | ---: |\n\
                        | batches of 100 | 60 (50 to 70) | 10 (10 to 12): 6.0 × | 120 (120 to 120): 0.5 × |\n";
        assert_eq!(report.table(), expected);
    }
}
