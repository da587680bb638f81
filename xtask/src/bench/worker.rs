//! A worker of a benchmark: a program that answers each line with a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::workshop::remove_cargo_variables;

/// A running worker.
pub(super) struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it, and waits until it is ready: it has read its data and warmed up.
    pub(super) fn start(mut command: Command) -> Result<Worker> {
        remove_cargo_variables(&mut command);
        // Cargo's configuration sets this for tests, which run at the same time. Here only one worker
        // works at a time, and all keep libtorch's default.
        command.env_remove("GOMP_SPINCOUNT");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| process::cannot_start(&command))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("a worker has no standard input or output");
        };
        let mut worker = Worker {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        let line = worker.line()?;
        ensure!(line == "ready", "a worker says `{line}` instead of `ready`");
        Ok(worker)
    }

    /// Sends a request, and returns the answer.
    pub(super) fn request(&mut self, request: &str) -> Result<Value> {
        writeln!(self.requests, "{request}").context("a worker has ended")?;
        // A training log may come before the answer.
        loop {
            let line = self.line()?;
            if line.starts_with('{') {
                return serde_json::from_str(&line)
                    .with_context(|| format!("a worker answers `{line}`, which is not JSON"));
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "a worker has ended; its message is above");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The order of the workers in a run. Another one begins with each run, because the later ones find a warmer
/// processor.
pub(super) fn turn_order(run: usize, workers: usize) -> impl Iterator<Item = usize> {
    (0..workers).map(move |turn| (run + turn) % workers)
}

/// Calls `measure` with the number of the run, the number of the worker, and the worker: for each worker in
/// turn, `runs` times.
pub(super) fn take_turns(
    name: &str,
    runs: usize,
    workers: &mut [Worker],
    mut measure: impl FnMut(usize, usize, &mut Worker) -> Result<()>,
) -> Result<()> {
    for run in 0..runs {
        println!("{name}: run {} of {runs}", run + 1);
        for side in turn_order(run, workers.len()) {
            measure(run, side, &mut workers[side])?;
        }
    }
    Ok(())
}

/// The answer to a request that processes images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) images_per_second: f64,
    /// A number that depends on all that was computed.
    pub(super) checksum: f64,
}

impl Run {
    pub(super) fn parse(answer: &Value) -> Result<Run> {
        Ok(Run {
            images_per_second: number(answer, "images")? / number(answer, "seconds")?,
            checksum: number(answer, "checksum")?,
        })
    }
}

/// A number of an answer.
pub(super) fn number(answer: &Value, key: &str) -> Result<f64> {
    answer[key]
        .as_f64()
        .with_context(|| format!("a worker answers without `{key}`: {answer}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_read() {
        let answer = json!({ "seconds": 0.5, "images": 100, "checksum": 3.25 });
        let run = Run::parse(&answer).unwrap();
        let expected = Run {
            images_per_second: 200.0,
            checksum: 3.25,
        };
        assert_eq!(run, expected);
        for wrong in [
            json!({}),
            json!({ "seconds": 1 }),
            json!({ "images": "many" }),
        ] {
            assert!(Run::parse(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_worker_begins_with_each_run() {
        assert_eq!(turn_order(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turn_order(4, 3).collect::<Vec<_>>(), [1, 2, 0]);
    }

    #[cfg(unix)]
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[cfg(unix)]
    #[test]
    fn a_log_before_the_answer_is_skipped() {
        let script = r#"echo ready; read request; echo "epoch 1"; echo '{"seconds": 2, "images": 6, "checksum": 1}'"#;
        let mut worker = Worker::start(shell(script)).unwrap();
        let answer = worker.request("train 100").unwrap();
        assert_eq!(Run::parse(&answer).unwrap().images_per_second, 3.0);
    }

    #[cfg(unix)]
    #[test]
    fn a_worker_that_ends_or_fails_is_an_error() {
        assert!(Worker::start(shell("exit 1")).is_err());
        let refused = Worker::start(shell("echo no data")).err().unwrap();
        assert!(refused.to_string().contains("`no data`"));
        for answer in ["", "echo '{half'"] {
            let script = format!("echo ready; read request; {answer}");
            let mut worker = Worker::start(shell(&script)).unwrap();
            assert!(worker.request("explain 1").is_err());
        }
    }
}
