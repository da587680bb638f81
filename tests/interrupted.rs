//! A killed training that is resumed ends with the same weights as an uninterrupted one.
//!
//! 297 of 330 images are trained on in batches of 32: ten steps per epoch, four epochs. The process is killed
//! with SIGKILL when it has reached a certain step, never after a certain time.

#![cfg(unix)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gasshuku::prelude::*;

const STEPS_PER_EPOCH: usize = 10;

fn program(mode: &str, checkpoint: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interruptible-training"));
    command.arg(mode).arg(checkpoint);
    command
}

fn finish(mut command: Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with("DONE\n"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts a training, and returns when it waits at the beginning of this step.
fn wait_at_step(checkpoint: &Path, step: usize) -> Child {
    let mut child = program("train", checkpoint)
        .arg(step.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap() == "WAITING"),
        "the training ended before step {step}"
    );
    child
}

fn kill(mut child: Child) {
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
}

/// Weights and optimizer state, and the history without its times.
fn content(checkpoint: &Path) -> (HashMap<String, Tensor>, Vec<(f64, f64)>) {
    let tensors = Tensor::read_safetensors(checkpoint)
        .unwrap()
        .into_iter()
        .collect();
    let model = LeNet::new(
        &LeNetSettings {
            classes: 3,
            ..Default::default()
        },
        Device::Cpu,
    )
    .unwrap();
    let history = load_checkpoint(&model, checkpoint).unwrap();
    let losses = history
        .epochs
        .iter()
        .map(|epoch| (epoch.training.loss, epoch.validation.unwrap().loss))
        .collect();
    (tensors, losses)
}

#[track_caller]
fn assert_same(found: &Path, expected: &Path) {
    let (found, found_losses) = content(found);
    let (expected, expected_losses) = content(expected);
    assert_eq!(found_losses, expected_losses);
    assert_eq!(found.len(), expected.len());
    for (name, tensor) in &expected {
        assert_eq!(&found[name], tensor, "{name} differs");
    }
}

fn uninterrupted(folder: &Path) -> PathBuf {
    let checkpoint = folder.join("uninterrupted.safetensors");
    finish(program("train", &checkpoint));
    checkpoint
}

#[test]
fn the_same_settings_give_the_same_weights_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("again.safetensors");
    finish(program("train", &again));
    assert_same(&again, &uninterrupted(folder.path()));
    assert_eq!(content(&again).1.len(), 4);
}

#[test]
fn killed_within_an_epoch_it_resumes_from_the_epoch_before() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("interrupted.safetensors");
    kill(wait_at_step(&checkpoint, 2 * STEPS_PER_EPOCH + 5));
    assert_eq!(content(&checkpoint).1.len(), 2, "two epochs were finished");
    finish(program("resume", &checkpoint));
    assert_same(&checkpoint, &uninterrupted(folder.path()));
}

#[test]
fn killed_during_a_save_it_resumes_from_the_save_before() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("interrupted.safetensors");
    let partial = folder.path().join("interrupted.safetensors.partial");
    let mut child = wait_at_step(&checkpoint, STEPS_PER_EPOCH + 1);
    let before = std::fs::read(&checkpoint).unwrap();

    // The next save writes into a pipe that nobody reads, so it stops in the middle.
    assert!(
        Command::new("mkfifo")
            .arg(&partial)
            .status()
            .unwrap()
            .success()
    );
    child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    let mut begun = [0; 1000];
    let mut pipe = File::open(&partial).unwrap();
    pipe.read_exact(&mut begun).unwrap();
    kill(child);
    assert_eq!(
        std::fs::read(&checkpoint).unwrap(),
        before,
        "the save before is untouched"
    );

    // The file that such a save leaves on a disk.
    std::fs::remove_file(&partial).unwrap();
    std::fs::write(&partial, begun).unwrap();
    finish(program("resume", &checkpoint));
    assert_same(&checkpoint, &uninterrupted(folder.path()));
    assert!(!partial.exists());
}

#[test]
fn a_finished_training_is_not_changed_by_resuming() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = uninterrupted(folder.path());
    let before = content(&checkpoint);
    finish(program("resume", &checkpoint));
    assert_eq!(content(&checkpoint).1, before.1);
}

/// Outside of a notebook the log is one line per epoch without control characters.
#[test]
fn a_program_prints_one_line_per_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program("train", &folder.path().join("printed.safetensors"));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [first, heading, epochs @ .., done] = &lines[..] else {
        panic!("{text}")
    };
    assert_eq!(
        *first,
        "training on 297 images, 33 held back for validation, 10 steps an epoch, device Cpu"
    );
    assert!(heading.starts_with("epoch   training loss  accuracy"));
    let numbers: Vec<&str> = epochs.iter().map(|line| &line[..5]).collect();
    assert_eq!(numbers, ["  1/4", "  2/4", "  3/4", "  4/4"]);
    assert_eq!(*done, "DONE");
    assert!(!text.contains(['\r', '\u{1b}']), "{text}");
}
