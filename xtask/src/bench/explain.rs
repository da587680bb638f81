//! Grad-CAM, beside pytorch-grad-cam.

use anyhow::{Result, ensure};

use super::Bench;
use super::report::{Case, Report};
use super::worker::{Run, Worker};

/// The images explained at once, and how many in all.
const CASES: [(usize, usize, &str); 4] = [
    (1, 500, "one by one"),
    (100, 10_000, "batches of 100"),
    (1_000, 10_000, "batches of 1,000"),
    (10_000, 10_000, "all 10,000 at once"),
];

/// The sums of all heat maps may differ by this share: float32, summed up in another order.
const TOLERANCE: f64 = 1e-4;

pub(super) fn explain(bench: &Bench) -> Result<()> {
    const PEER: &str = "bench_explain.py";
    let weights = bench.weights("explained_sigmoid.safetensors");
    let threads = bench.threads.to_string();
    let mut ours = bench.ours("bench-explain")?;
    ours.arg(&weights).arg(bench.data()).arg(&threads);
    let mut peer = bench.peer(PEER);
    peer.arg(&weights)
        .arg(bench.data().join("fashion-mnist"))
        .args(["--threads", &threads]);
    let mut workers = [Worker::start(ours)?, Worker::start(peer)?];

    let mut cases = Vec::new();
    for (batch, count, name) in CASES {
        let request = format!("explain {batch} {count}");
        cases.push(Case::measure(
            name,
            &mut workers,
            &request,
            bench.runs,
            same_work,
        )?);
    }
    Report {
        name: "explain",
        what: "Grad-CAM of LeNet at conv2, images a second",
        sides: &["gasshuku", "pytorch-grad-cam"],
        cases,
    }
    .publish(bench, bench.versions(PEER)?)
}

/// Speed counts only for the same result.
fn same_work(runs: &[Run]) -> Result<()> {
    let sums: Vec<f64> = runs.iter().map(|run| run.checksum).collect();
    ensure!(
        sums.iter()
            .all(|sum| (sum - sums[0]).abs() <= TOLERANCE * sums[0].abs()),
        "the sides do not compute the same: their heat maps add up to {sums:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_work_is_no_comparison() {
        let check = |sums: [f64; 2]| {
            same_work(&sums.map(|checksum| Run {
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
