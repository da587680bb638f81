//! The output of a cell: lines and markers, collected for messages that a page can show.

use std::collections::HashMap;

use crate::cell_protocol::MARKER;

/// How much of each stream of a cell is shown. Otherwise a cell that prints 100 images sends 11,700
/// messages in a second, and JupyterLab's server leaves some out.
const MAX_LINES: usize = 1_000;
/// See [`MAX_LINES`].
const MAX_BYTES: usize = 200_000;

/// One of the two output streams of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its name in Jupyter's protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A marker in the output of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The cell with that number begins.
    Begin(u64),
    /// The output of that cell on this stream ends. On standard output with how the cell has ended: `ok`,
    /// `error` or `panic`.
    End(u64, String),
    /// The display with that number is shown here.
    Display(u64),
    /// The message of a failed `?` follows. With its line and column.
    Error(usize, usize),
    /// The message of a failed `?` has ended.
    ErrorEnd,
    /// The text before it is a line without a line end.
    Flush,
}

/// Splits a line into text to show, with or without a line end, and a marker, if there is one.
pub fn split_marker(line: &str) -> (String, Option<Marker>) {
    let Some((text, words)) = line.split_once(MARKER) else {
        return (line.to_owned(), None);
    };
    match parse_marker(words.trim_end_matches('\n')) {
        Some(marker) => (text.to_owned(), Some(marker)),
        None => (line.to_owned(), None),
    }
}

fn parse_marker(words: &str) -> Option<Marker> {
    let words: Vec<&str> = words.split(' ').collect();
    Some(match words.as_slice() {
        ["begin", number] => Marker::Begin(number.parse().ok()?),
        ["end", number] => Marker::End(number.parse().ok()?, String::new()),
        ["end", number, how] => Marker::End(number.parse().ok()?, (*how).to_owned()),
        ["display", number] => Marker::Display(number.parse().ok()?),
        ["error", line, column] => Marker::Error(line.parse().ok()?, column.parse().ok()?),
        ["error-end"] => Marker::ErrorEnd,
        ["flush"] => Marker::Flush,
        _ => return None,
    })
}

/// Collects what a cell prints, and counts it.
#[derive(Debug, Default)]
pub struct OutputBuffer {
    buffered: Option<(Stream, String)>,
    counts: HashMap<Stream, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    lines: usize,
    bytes: usize,
    lines_omitted: usize,
    bytes_omitted: usize,
}

impl OutputBuffer {
    /// Adds text. Returns buffered text of the other stream, which must be shown first.
    pub fn add(&mut self, stream: Stream, text: &str) -> Option<(Stream, String)> {
        let count = self.counts.entry(stream).or_default();
        let lines = text.matches('\n').count();
        if text.is_empty() {
            return None;
        }
        if count.lines + lines > MAX_LINES || count.bytes + text.len() > MAX_BYTES {
            // Nothing more is shown, even if it is shorter: otherwise there would be gaps.
            count.lines = MAX_LINES + 1;
            count.lines_omitted += lines.max(1);
            count.bytes_omitted += text.len();
            return None;
        }
        count.lines += lines;
        count.bytes += text.len();
        match &mut self.buffered {
            Some((of, buffered)) if *of == stream => {
                buffered.push_str(text);
                None
            }
            buffered => buffered.replace((stream, text.to_owned())),
        }
    }

    /// Takes the text that is buffered.
    pub fn flush(&mut self) -> Option<(Stream, String)> {
        self.buffered.take()
    }

    /// Whether text is buffered.
    pub fn has_text(&self) -> bool {
        self.buffered.is_some()
    }

    /// The line at the end of a cell that says how much was left out.
    pub fn note_on_omissions(&self) -> Option<String> {
        let mut sum = Count::default();
        for count in self.counts.values() {
            sum.lines_omitted += count.lines_omitted;
            sum.bytes_omitted += count.bytes_omitted;
        }
        (sum.lines_omitted > 0).then(|| {
            let megabytes = sum.bytes_omitted as f64 / 1e6;
            format!(
                "… and {} more lines ({megabytes:.1} MB), which are not shown\n",
                with_commas(sum.lines_omitted)
            )
        })
    }
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_before_a_marker_has_no_line_end() {
        assert_eq!(split_marker("a\n"), ("a\n".into(), None));
        let marked = |text| split_marker(text).1.unwrap();
        assert_eq!(
            split_marker("x\u{1}front begin 12\n"),
            ("x".into(), Some(Marker::Begin(12)))
        );
        assert_eq!(
            marked("\u{1}front end 3 panic\n"),
            Marker::End(3, "panic".into())
        );
        assert_eq!(marked("\u{1}front end 3\n"), Marker::End(3, String::new()));
        assert_eq!(marked("\u{1}front display 7\n"), Marker::Display(7));
        assert_eq!(marked("\u{1}front error 12 5\n"), Marker::Error(12, 5));
        assert_eq!(marked("\u{1}front error-end\n"), Marker::ErrorEnd);
        assert_eq!(marked("\u{1}front flush\n"), Marker::Flush);
        for other in ["\u{1}front end x\n", "\u{1}front dance\n", "\u{1}front\n"] {
            assert_eq!(split_marker(other), (other.into(), None));
        }
    }

    #[test]
    fn lines_are_buffered_until_the_other_stream_has_output() {
        let mut output = OutputBuffer::default();
        assert_eq!(output.add(Stream::Stdout, "a\n"), None);
        assert_eq!(output.add(Stream::Stdout, "b\n"), None);
        let before = output.add(Stream::Stderr, "c\n");
        assert_eq!(before, Some((Stream::Stdout, "a\nb\n".into())));
        assert_eq!(output.flush(), Some((Stream::Stderr, "c\n".into())));
        assert_eq!(output.flush(), None);
        assert_eq!(output.note_on_omissions(), None);
    }

    #[test]
    fn long_numbers_have_commas() {
        assert_eq!(with_commas(7), "7");
        assert_eq!(with_commas(999), "999");
        assert_eq!(with_commas(1_000), "1,000");
        assert_eq!(with_commas(1_234_567), "1,234,567");
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut output = OutputBuffer::default();
        for _ in 0..11_700 {
            output.add(Stream::Stdout, "0.1234 0.1234\n");
        }
        let (_, shown) = output.flush().unwrap();
        assert_eq!(shown.lines().count(), 1_000);
        assert_eq!(
            output.note_on_omissions().unwrap(),
            "… and 10,700 more lines (0.1 MB), which are not shown\n"
        );
        let mut output = OutputBuffer::default();
        output.add(Stream::Stdout, &"x".repeat(150_000));
        output.add(Stream::Stdout, &"y".repeat(150_000));
        assert_eq!(output.flush().unwrap().1.len(), 150_000);
        output.add(Stream::Stderr, "still shown\n");
        assert_eq!(output.flush().unwrap().1, "still shown\n");
    }
}
