//! Explains the test images with this crate. A worker of `cargo xtask bench`.
//!
//! `bench-explain WEIGHTS DATA THREADS`: the file of the weights of a LeNet, the folder that
//! contains the folder of Fashion-MNIST. Prints "ready", then answers each line "explain BATCH [COUNT]" on its standard
//! input with one line of JSON, and ends with the input: as `xtask/python/bench_explain.py` does.
//! The time does not include reading and normalising the images.

mod worker;

use std::time::Instant;

use gasshuku::Result;
use gasshuku::prelude::*;
use worker::{Arguments, serve, unknown};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    load_weights(&model, &arguments.weights)?;
    let test_set = load(&fashion_mnist(), &arguments.data, Split::Test)?;
    let images = test_set.info.normalization.apply(&test_set.images);
    answer(&model, &images, 100, 1_000)?;
    serve(|command, numbers| match (command, numbers) {
        ("explain", &[batch]) => answer(&model, &images, batch as i64, images.size()[0]),
        ("explain", &[batch, count]) => answer(&model, &images, batch as i64, count as i64),
        _ => Err(unknown(command, numbers)),
    })
}

/// Explains the first images in batches, and returns the time.
fn answer(model: &LeNet, images: &Tensor, batch: i64, count: i64) -> Result<serde_json::Value> {
    let method = GradCam::at("conv2");
    let heat_maps = Tensor::ones([count, 28, 28], (Kind::Float, Device::Cpu));
    let start = Instant::now();
    for first in (0..count).step_by(batch as usize) {
        let piece = |tensor: &Tensor| tensor.narrow(0, first, batch.min(count - first));
        let explanation = explain(model, &method, &piece(images), &Target::Predicted)?;
        piece(&heat_maps).copy_(&explanation.heat_maps()?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let checksum = stretched(&heat_maps).sum(Kind::Double).double_value(&[]);
    Ok(serde_json::json!({ "seconds": seconds, "images": count, "checksum": checksum }))
}

/// Heat maps scaled to 0 to 1 as in pytorch-grad-cam, so that the sums can be compared.
fn stretched(heat_maps: &Tensor) -> Tensor {
    let smallest = heat_maps.amin([1i64, 2], true);
    let largest = heat_maps.amax([1i64, 2], true);
    (heat_maps - &smallest) / (largest - &smallest).clamp_min(1e-7)
}
