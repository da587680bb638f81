//! Malicious files of weights: whatever they contain, they are refused with a message or give a model that
//! works, and they need no more memory than their size.
//!
//! The tests change descriptions (numbers at the ends of their range, negative, missing, nested), the header of
//! the tensors in the same ways, and single bytes. `GASSHUKU_FUZZ=1000000 cargo test -p
//! gasshuku-tests --test hostile_files` tries more than the usual 100,000 files (85 s).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use gasshuku::prelude::*;
use gasshuku::state_dict::StateDict;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

const USUAL: usize = 100_000;
/// The keys of descriptions in a file's metadata.
const DESCRIPTIONS: [&str; 3] = [
    "gasshuku.architecture",
    "gasshuku.dataset",
    "gasshuku.checkpoint",
];

fn lenet() -> LeNet {
    let settings = LeNetSettings {
        image: [1, 16, 16],
        classes: 2,
        ..Default::default()
    };
    LeNet::new(&settings, Device::Cpu).unwrap()
}

fn dataset() -> Dataset {
    let images = Tensor::zeros([4, 1, 16, 16], (Kind::Uint8, Device::Cpu));
    let labels = Tensor::from_slice(&[0i64, 1, 0, 1]);
    Dataset::new(&images, &labels, &["bear", "cat"]).unwrap()
}

/// A saved model, and a checkpoint.
fn good_files(folder: &Path) -> [Vec<u8>; 2] {
    let paths = ["model", "checkpoint"].map(|name| folder.join(name));
    save_model(&lenet(), &dataset().info, &paths[0]).unwrap();
    let settings = TrainingSettings {
        epochs: 1,
        validation_share: 0.0,
        checkpoint: Some(paths[1].clone()),
        ..Default::default()
    };
    train(&lenet(), &dataset(), &settings).unwrap();
    paths.map(|path| std::fs::read(path).unwrap())
}

/// The parts of a file: the header as JSON, and the numbers.
fn parts(file: &[u8]) -> (Value, &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = serde_json::from_slice(&file[8..8 + length]).unwrap();
    (header, &file[8 + length..])
}

fn joined(header: &Value, numbers: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    [length.as_slice(), header.as_bytes(), numbers].concat()
}

/// The file with a random change.
fn changed(file: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let (mut header, numbers) = parts(file);
    match random.gen_range(0..8) {
        0 => return with_other_bytes(file, random),
        1 => mutate(&mut header, random),
        _ => {
            let metadata = header["__metadata__"].as_object_mut().unwrap();
            let present: Vec<&str> = DESCRIPTIONS
                .into_iter()
                .filter(|key| metadata.contains_key(*key))
                .collect();
            let key = present[random.gen_range(0..present.len())];
            let mut description: Value =
                serde_json::from_str(metadata[key].as_str().unwrap()).unwrap();
            for _ in 0..random.gen_range(1..4) {
                mutate(&mut description, random);
            }
            metadata.insert(key.into(), description.to_string().into());
        }
    }
    joined(&header, numbers)
}

fn with_other_bytes(file: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = file.to_vec();
    if random.gen_bool(0.3) {
        bytes.truncate(random.gen_range(0..bytes.len()));
    }
    for _ in 0..random.gen_range(1..5) {
        // The header is only a hundredth of the file.
        let end = if random.gen_bool(0.8) {
            1000
        } else {
            bytes.len()
        };
        if let Some(byte) = bytes.get_mut(random.gen_range(0..end.max(1))) {
            *byte = random.r#gen();
        }
    }
    bytes
}

/// Changes one value somewhere in a description.
fn mutate(value: &mut Value, random: &mut ChaCha8Rng) {
    let descends = random.gen_bool(0.8);
    match value {
        Value::Object(fields) if descends && !fields.is_empty() => {
            let key = fields
                .keys()
                .nth(random.gen_range(0..fields.len()))
                .unwrap();
            let key = key.clone();
            match random.gen_range(0..12) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert("unknown".into(), json!(1))),
                _ => mutate(&mut fields[&key], random),
            }
        }
        Value::Array(items) if descends && !items.is_empty() => {
            let index = random.gen_range(0..items.len());
            match random.gen_range(0..8) {
                0 => drop(items.remove(index)),
                1 => items.push(items[index].clone()),
                _ => mutate(&mut items[index], random),
            }
        }
        value => *value = unexpected(value, random),
    }
}

fn unexpected(value: &Value, random: &mut ChaCha8Rng) -> Value {
    const WHOLE: [u64; 12] = [
        0,
        1,
        3,
        17,
        i32::MAX as u64,
        1 << 31,
        1 << 32,
        (1 << 53) + 1,
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 7,
        u64::MAX,
    ];
    const OTHERS: [f64; 5] = [0.5, -0.0, 1e-320, 1e308, -1e308];
    match random.gen_range(0..12) {
        0..4 => WHOLE[random.gen_range(0..WHOLE.len())].into(),
        4 => OTHERS[random.gen_range(0..OTHERS.len())].into(),
        5 => [-1, i64::from(i32::MIN), i64::MIN][random.gen_range(0..3)].into(),
        6 => [Value::Null, Value::Bool(true), Value::Object(Map::new())][random.gen_range(0..3)]
            .clone(),
        7 => ["", "NaN", &"9".repeat(400), &"long ".repeat(400)][random.gen_range(0..4)].into(),
        8 => Value::Array(Vec::new()),
        9 => Value::Array(vec![value.clone(); 3]),
        10 => json!({ "0": value }),
        _ => {
            let depth = random.gen_range(1..200);
            (0..depth).fold(value.clone(), |inner, _| Value::Array(vec![inner]))
        }
    }
}

/// Reads a file with all functions that read one. A model that loads must also work.
fn read(path: &Path, model: &LeNet) -> bool {
    let loaded = load_model(path, Device::Cpu);
    if let Ok(classifier) = &loaded {
        let [channels, height, width] = classifier.info.image;
        let size = [1, channels, height, width];
        let image = Tensor::f_zeros(size, (Kind::Uint8, Device::Cpu)).expect("a small image");
        let prediction = classifier
            .predict(&image)
            .expect("what was loaded predicts");
        let sum: f64 = prediction.classes.iter().map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{prediction}");
    }
    let history = load_checkpoint(model, path);
    for refused in [loaded.err(), history.err()].into_iter().flatten() {
        assert!(!refused.to_string().trim().is_empty());
    }
    StateDict::read(path).is_ok()
}

/// A line of `/proc/self/status`, in kB.
#[cfg(target_os = "linux")]
fn kilobytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads this many changed files. Returns how many of them could be read.
fn try_files(files: &[Vec<u8>; 2], path: &Path, seed: u64, count: usize) -> usize {
    let (mut random, model) = (ChaCha8Rng::seed_from_u64(seed), lenet());
    (0..count)
        .filter(|case| {
            let content = changed(&files[case % 2], &mut random);
            std::fs::write(path, &content).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| read(path, &model)));
            outcome.unwrap_or_else(|_| {
                let header = &content[..content.len().min(2_000)];
                panic!("seed {seed}, case {case} panics: {}", header.escape_ascii())
            })
        })
        .count()
}

#[test]
fn no_file_of_weights_does_harm() {
    let count = std::env::var("GASSHUKU_FUZZ").map_or(USUAL, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    // The networks are small, so threads divide the files among themselves.
    tch::set_num_threads(1);
    let files = good_files(folder.path());
    let path = |seed: usize| folder.path().join(format!("{seed}.safetensors"));
    for file in &files {
        std::fs::write(path(0), file).unwrap();
        assert!(read(&path(0), &lenet()));
    }
    #[cfg(target_os = "linux")]
    let before = ["VmPeak", "VmHWM"].map(kilobytes);

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read_at_all: usize = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|seed| {
                let (path, files) = (path(seed), &files);
                let share = count.div_ceil(threads);
                scope.spawn(move || try_files(files, &path, seed as u64, share))
            })
            .collect();
        started.into_iter().map(|it| it.join().unwrap()).sum()
    });
    // In most files only the descriptions are changed: these must be what is refused.
    assert!(read_at_all > count / 2, "{read_at_all} of {count}");
    #[cfg(target_os = "linux")]
    for (name, before) in ["VmPeak", "VmHWM"].into_iter().zip(before) {
        let more = (kilobytes(name) - before) / 1024;
        assert!(more < 512, "{name} grew by {more} MB");
    }
}
