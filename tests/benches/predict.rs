//! Evaluates and predicts with this crate. A worker of `cargo xtask bench`.
//!
//! `bench-predict WEIGHTS DATA THREADS`: the file of the weights of a LeNet, the folder that
//! contains the folder of Fashion-MNIST. Prints "ready", then answers each line `evaluate COUNT` or `predict COUNT` on its
//! standard input with one line of JSON, and ends with the input: as
//! `xtask/python/bench_predict.py` does. The time does not include reading the images.

mod worker;

use std::time::Instant;

use gasshuku::Result;
use gasshuku::prelude::*;
use worker::{Arguments, serve, unknown};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let test_set = load(&fashion_mnist(), &arguments.data, Split::Test)?;
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    load_weights(&model, &arguments.weights)?;
    let classifier = Classifier::new(Box::new(model), &test_set.info);
    serve(|command, numbers| match (command, numbers) {
        ("evaluate", &[count]) => {
            let images = test_set.select(&(0..count).collect::<Vec<_>>())?;
            evaluation(&classifier, &images)
        }
        ("predict", &[count]) => predictions(&classifier, &test_set, count),
        _ => Err(unknown(command, numbers)),
    })
}

fn evaluation(classifier: &Classifier, images: &Dataset) -> Result<serde_json::Value> {
    let start = Instant::now();
    let right = classifier.evaluate(images)?.accuracy() * images.len() as f64;
    let seconds = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({ "seconds": seconds, "images": images.len(), "checksum": right.round() }))
}

fn predictions(
    classifier: &Classifier,
    test_set: &Dataset,
    count: usize,
) -> Result<serde_json::Value> {
    let mut total = 0.0;
    let start = Instant::now();
    for index in 0..count {
        total += classifier.predict(&test_set.image(index)?)?.probability();
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({ "seconds": seconds, "images": count, "checksum": total }))
}
