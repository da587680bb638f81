//! A program that answers each line with a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::workshop::forget_cargo;

/// One side of a comparison.
pub(super) struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Returns when it has read its data and warmed up.
    pub(super) fn start(mut command: Command) -> Result<Worker> {
        forget_cargo(&mut command);
        // Cargo's configuration sets this for tests, which run beside each other. Here one side
        // works while the others wait, and all have libtorch's own setting.
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

    pub(super) fn ask(&mut self, request: &str) -> Result<Value> {
        writeln!(self.requests, "{request}").context("a worker has ended")?;
        // Before the answer may stand a training log.
        loop {
            let line = self.line()?;
            if line.starts_with('{') {
                return serde_json::from_str(&line)
                    .with_context(|| format!("a worker answers `{line}`, which is no JSON"));
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "a worker has ended; what it says stands above");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// One answer of a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) images_per_second: f64,
    /// What was computed, in one number.
    pub(super) checksum: f64,
}

impl Run {
    pub(super) fn read(answer: &Value) -> Result<Run> {
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
        let run = Run::read(&answer).unwrap();
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
            assert!(Run::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(unix)]
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[cfg(unix)]
    #[test]
    fn a_log_before_the_answer_is_passed_over() {
        let script = r#"echo ready; read request; echo "epoch 1"; echo '{"seconds": 2, "images": 6, "checksum": 1}'"#;
        let mut worker = Worker::start(shell(script)).unwrap();
        let answer = worker.ask("train 100").unwrap();
        assert_eq!(Run::read(&answer).unwrap().images_per_second, 3.0);
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
            assert!(worker.ask("explain 1").is_err());
        }
    }
}
