//! Grad-CAM, beside pytorch-grad-cam.

use anyhow::Result;

use super::context::Bench;
use super::report::{Case, Report, SameResult};
use super::worker::Worker;

/// Images in a batch, images in all, and the name of the case.
const CASES: [(usize, usize, &str); 4] = [
    (1, 500, "one by one"),
    (100, 10_000, "batches of 100"),
    (1_000, 10_000, "batches of 1,000"),
    (10_000, 10_000, "all 10,000 at once"),
];

/// The sums of all heat maps differ only by the rounding of float32, which depends on the order.
const SAME_RESULT: SameResult = SameResult {
    tolerance: 1e-4,
    message: "the sides do not compute the same: their heat maps add up to",
};

pub(super) fn explain(bench: &Bench) -> Result<()> {
    const SCRIPT: &str = "bench_explain.py";
    const WEIGHTS: &str = "explained_sigmoid.safetensors";
    let ours = bench.our_worker("bench-explain", WEIGHTS)?;
    let mut workers = [
        Worker::start(ours)?,
        Worker::start(bench.python_worker(SCRIPT, WEIGHTS))?,
    ];

    let mut cases = Vec::new();
    for (batch, count, name) in CASES {
        let request = format!("explain {batch} {count}");
        cases.push(Case::measure(
            name,
            &mut workers,
            &request,
            bench.runs,
            &SAME_RESULT,
        )?);
    }
    Report {
        name: "explain",
        what: "Grad-CAM of LeNet at conv2",
        sides: &["gasshuku", "pytorch-grad-cam"],
        cases,
        notes: Vec::new(),
    }
    .publish(bench, bench.versions(SCRIPT)?)
}

#[cfg(test)]
mod tests {
    use super::super::worker::Run;
    use super::*;

    #[test]
    fn other_heat_maps_are_refused() {
        let check = |sums: [f64; 2]| {
            SAME_RESULT.check(&sums.map(|checksum| Run {
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
