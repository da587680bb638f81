//! Trains LeNet for an epoch with this crate. A worker of `cargo xtask bench`.
//!
//! `bench-train WEIGHTS DATA THREADS`: the file of the first weights, the folder that contains
//! the folder of Fashion-MNIST. Prints "ready", then answers each line on its standard input with one line of
//! JSON (after the training log), and ends with the input:
//!
//! - `train BATCH`: an epoch, as `xtask/python/bench_train.py` does it. The time does not
//!   include reading the files, but all of `train`.
//! - `scale BATCH COPIES`: the same with repeated images, and the memory that it needed.
//! - `multiply SIZE`: a product of square matrices.

mod worker;

use std::fs;
use std::time::Instant;

use gasshuku::prelude::*;
use gasshuku::{Error, Result};
use worker::{Arguments, serve, unknown};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    let training_set = load(&fashion_mnist(), &arguments.data, Split::Train)?;
    serve(|command, numbers| {
        load_weights(&model, &arguments.weights)?;
        match (command, numbers) {
            ("train", &[batch]) => epoch(&model, &training_set, batch),
            ("scale", &[batch, copies]) => scale(&model, &training_set, batch, copies as i64),
            ("multiply", &[size]) => Ok(multiply(size as i64)),
            _ => Err(unknown(command, numbers)),
        }
    })
}

fn epoch(model: &LeNet, training_set: &Dataset, batch: usize) -> Result<serde_json::Value> {
    let settings = TrainingSettings {
        epochs: 1,
        batch_size: batch,
        learning_rate: 1e-3,
        schedule: Schedule::None,
        validation_share: 0.0,
        ..Default::default()
    };
    let start = Instant::now();
    let history = train(model, training_set, &settings)?;
    let seconds = start.elapsed().as_secs_f64();
    let loss = history.last().map_or(f64::NAN, |epoch| epoch.training.loss);
    Ok(serde_json::json!({
        "seconds": seconds,
        "images": training_set.len(),
        "checksum": loss,
    }))
}

/// The memory is the maximum of the process minus what it had before the images were repeated.
fn scale(
    model: &LeNet,
    training_set: &Dataset,
    batch: usize,
    copies: i64,
) -> Result<serde_json::Value> {
    let before = memory("VmRSS:")?;
    let images = training_set.images.repeat([copies, 1, 1, 1]);
    let labels = training_set.labels.repeat([copies]);
    let data = images.numel() + 8 * labels.numel();
    let repeated = Dataset::new(&images, &labels, &training_set.info.classes)?;
    // Resets the maximum.
    fs::write("/proc/self/clear_refs", "5").map_err(|error| Error::Data(error.to_string()))?;
    let mut answer = epoch(model, &repeated, batch)?;
    answer["memory"] = (memory("VmHWM:")? - before).into();
    answer["data"] = data.into();
    Ok(answer)
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> Result<i64> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok());
    let kilobytes = kilobytes.ok_or_else(|| Error::Data("/proc does not tell memory".into()))?;
    Ok(kilobytes * 1024)
}

/// Multiplies matrices. A multiplication and its addition are two operations.
fn multiply(size: i64) -> serde_json::Value {
    const TIMES: i64 = 50;
    let [left, right] = [(); 2].map(|()| Tensor::rand([size, size], (Kind::Float, Device::Cpu)));
    let start = Instant::now();
    for _ in 0..TIMES {
        let _product = left.matmul(&right);
    }
    let seconds = start.elapsed().as_secs_f64();
    serde_json::json!({ "seconds": seconds, "operations": 2 * TIMES * size * size * size })
}
