//! How long a notebook takes from its opening to its first tensor.

use anyhow::Result;

use super::context::Bench;
use super::kernels::{self, STOCK_ONCE, numbers};
use super::report::{Case, Report, Unit};
use super::worker::{number, take_turns};

const SIDES: [&str; 4] = [
    "gasshuku",
    "with a spare kernel",
    "ipykernel",
    "evcxr as it comes",
];
const KERNELS: [&str; 4] = ["gasshuku", "spare", "ipykernel", "stock"];
const STEPS: [&str; 4] = ["kernel ready", "libraries", "images", "a tensor"];

/// The kernel starts, loads its libraries, loads the images, and shows one.
pub(super) fn start(bench: &Bench) -> Result<()> {
    let mut workers = kernels::workers(bench, &KERNELS)?;
    // A first start that does not count: afterwards the files of all kernels are in the disk cache.
    for worker in &mut workers[..3] {
        worker.request("start")?;
    }
    let case = |name: &str| Case::empty(name, Unit::Seconds, KERNELS.len());
    let mut total = case("opened → first tensor");
    let mut steps = STEPS.map(case);
    take_turns("start", bench.runs, &mut workers, |run, side, worker| {
        if KERNELS[side] == "stock" && run > 0 {
            return Ok(());
        }
        let answer = worker.request("start")?;
        total.sides[side].push(number(&answer, "seconds")?);
        for (step, seconds) in steps.iter_mut().zip(numbers(&answer, "steps")?) {
            step.sides[side].push(seconds);
        }
        Ok(())
    })?;
    Report {
        name: "start",
        what: "a notebook opened, until it shows a tensor of Fashion-MNIST",
        sides: &SIDES,
        cases: [total].into_iter().chain(steps).collect(),
        notes: vec![STOCK_ONCE.to_owned()],
    }
    .publish(bench, kernels::versions(bench)?)
}
