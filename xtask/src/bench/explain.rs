//! Grad-CAM, beside pytorch-grad-cam.

use anyhow::Result;

use super::Bench;
use super::report::{Case, Report, SameWork};
use super::worker::Worker;

/// The images explained at once, and how many in all.
const CASES: [(usize, usize, &str); 4] = [
    (1, 500, "one by one"),
    (100, 10_000, "batches of 100"),
    (1_000, 10_000, "batches of 1,000"),
    (10_000, 10_000, "all 10,000 at once"),
];

/// Speed counts only for the same result: float32, summed up in another order.
const SAME_WORK: SameWork = SameWork {
    tolerance: 1e-4,
    otherwise: "the sides do not compute the same: their heat maps add up to",
};

pub(super) fn explain(bench: &Bench) -> Result<()> {
    const PEER: &str = "bench_explain.py";
    const WEIGHTS: &str = "explained_sigmoid.safetensors";
    let ours = bench.ours("bench-explain", WEIGHTS)?;
    let mut workers = [
        Worker::start(ours)?,
        Worker::start(bench.peer(PEER, WEIGHTS))?,
    ];

    let mut cases = Vec::new();
    for (batch, count, name) in CASES {
        let request = format!("explain {batch} {count}");
        cases.push(Case::measure(
            name,
            &mut workers,
            &request,
            bench.runs,
            &SAME_WORK,
        )?);
    }
    Report {
        name: "explain",
        what: "Grad-CAM of LeNet at conv2",
        sides: &["gasshuku", "pytorch-grad-cam"],
        cases,
        notes: Vec::new(),
    }
    .publish(bench, bench.versions(PEER)?)
}

#[cfg(test)]
mod tests {
    use super::super::worker::Run;
    use super::*;

    #[test]
    fn other_work_is_no_comparison() {
        let check = |sums: [f64; 2]| {
            SAME_WORK.check(&sums.map(|checksum| Run {
                images_per_second: 1.0,
                checksum,
            }))
        };
        check([1_000.05, 1_000.0]).unwrap();
        let refused = check([1_000.2, 1_000.0]).unwrap_err().to_string();
        assert!(refused.contains("add up to [1000.2, 1000.0]"), "{refused}");
        assert!(check([1.0, f64::NAN]).is_err());
    }
}
