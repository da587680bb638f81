//! A side of a bench: a program that says "ready" and answers each line with a line of JSON.

use std::io::BufRead;

use gasshuku::{Error, Result};
use serde_json::Value;

/// What every worker is told: `WEIGHTS DATA THREADS`.
pub struct Arguments {
    /// A file of weights of LeNet.
    pub weights: String,
    /// The folder that holds the folder of Fashion-MNIST.
    pub data: String,
}

impl Arguments {
    /// Those of this process; the threads are set at once.
    pub fn read() -> Result<Arguments> {
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
pub fn serve(mut answer: impl FnMut(&str, &[usize]) -> Result<Value>) -> Result<()> {
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

/// What a worker says to a command that it does not know.
pub fn unknown(command: &str, numbers: &[usize]) -> Error {
    Error::Data(format!("unknown: {command} {numbers:?}"))
}

fn number(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::Data(format!("`{text}` is no positive number"))),
    }
}
