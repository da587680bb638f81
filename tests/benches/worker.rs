//! What the workers of the benchmark share: a worker prints "ready", and answers each line with a line of JSON.

use std::io::BufRead;

use gasshuku::{Error, Result};
use serde_json::Value;

/// The arguments of every worker: `WEIGHTS DATA THREADS`.
pub(crate) struct Arguments {
    /// The path of a file with weights of LeNet.
    pub(crate) weights: String,
    /// The folder that holds the folder of Fashion-MNIST.
    pub(crate) data: String,
}

impl Arguments {
    /// Reads this process's arguments, and sets the number of threads.
    pub(crate) fn read() -> Result<Arguments> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [weights, data, threads] = &arguments[..] else {
            return Err(Error::Data("the arguments are WEIGHTS DATA THREADS".into()));
        };
        tch::set_num_threads(number(threads)? as i32);
        Ok(Arguments {
            weights: weights.clone(),
            data: data.clone(),
        })
    }
}

/// Answers lines of a command and numbers until the input ends.
pub(crate) fn serve(mut answer: impl FnMut(&str, &[usize]) -> Result<Value>) -> Result<()> {
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::Data(error.to_string()))?;
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        let numbers = words.map(number).collect::<Result<Vec<usize>>>()?;
        println!("{}", answer(command, &numbers)?);
    }
    Ok(())
}

/// The error for an unknown command.
pub(crate) fn unknown(command: &str, numbers: &[usize]) -> Error {
    Error::Data(format!("unknown: {command} {numbers:?}"))
}

fn number(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::Data(format!("`{text}` is not a positive number"))),
    }
}
