//! Asks the user of a notebook for a line of text.

use std::io::{self, BufRead, Write};

use super::front::{Front, in_a_cell, marker};
use crate::error::{Error, Result};

/// An output line that starts with it makes evcxr ask the user. The answer comes on the standard input:
/// see evcxr's crate `evcxr_input`.
const REQUEST: &str = "EVCXR_INPUT_REQUEST:";

/// Asks for a line of text, below the cell or in the terminal, as Python's `input` does.
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let name = input("What is your name?")?;
/// println!("Hello, {name}");
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// If the notebook is run without a user, the answer is an empty line.
///
/// # Errors
/// [`Error::Io`] if no line can be read.
pub fn input(prompt: &str) -> Result<String> {
    let request = match in_a_cell() {
        true => request(prompt, Front::current().is_some()),
        false => prompt.to_string(),
    };
    ask(&request, &mut io::stdout().lock(), &mut io::stdin().lock())
}

/// The output that makes evcxr ask. A prompt must be one line; evcxr cuts it at a colon.
fn request(prompt: &str, has_front: bool) -> String {
    // Without it, text before it on the same line would become part of the request.
    let flush = if has_front {
        marker("flush")
    } else {
        String::new()
    };
    let line: Vec<&str> = prompt.split_whitespace().collect();
    let line = line.join(" ");
    // U+2236 looks like a colon.
    let prompt = line.trim_end_matches(':').replace(':', "∶");
    format!("{flush}{REQUEST}{prompt}\n")
}

fn ask(request: &str, output: &mut impl Write, input: &mut impl BufRead) -> Result<String> {
    let written = output.write_all(request.as_bytes());
    written
        .and_then(|()| output.flush())
        .map_err(Error::io("write", "the standard output"))?;
    let failed = || Error::io("read", "the standard input");
    let mut line = String::new();
    if input.read_line(&mut line).map_err(failed())? == 0 {
        return Err(failed()(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prompt that evcxr reads.
    fn as_evcxr_reads(request: &str) -> &str {
        let line = request.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n') && line.starts_with("EVCXR_INPUT_REQUEST"));
        line.split(':').nth(1).unwrap_or_default()
    }

    #[test]
    fn a_prompt_reaches_evcxr_whole() {
        for (prompt, read) in [
            ("Your name?", "Your name?"),
            ("Name: ", "Name"),
            ("At 12:30 or\n  later?", "At 12∶30 or later?"),
            ("名前:", "名前"),
            ("", ""),
        ] {
            assert_eq!(as_evcxr_reads(&request(prompt, false)), read);
        }
    }

    #[test]
    fn an_unfinished_line_is_ended_before_the_request() {
        let expected = "\u{1}front flush\nEVCXR_INPUT_REQUEST:Yes?\n";
        assert_eq!(request("Yes?", true), expected);
    }

    #[test]
    fn the_answer_is_the_line_without_its_line_break() {
        let mut output = Vec::new();
        let mut answers = &b" two words \r\n\nlast"[..];
        let mut next = || ask("Yes? ", &mut output, &mut answers);
        assert_eq!(next().unwrap(), " two words ");
        assert_eq!(next().unwrap(), "");
        assert_eq!(next().unwrap(), "last");
        let error = next().unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read the standard input"),
            "{error}"
        );
        assert_eq!(output, b"Yes? ".repeat(4));
    }
}
