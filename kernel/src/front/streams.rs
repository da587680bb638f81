//! What a cell prints: from the single lines that evcxr hands on to messages that a page can show.

use std::collections::HashMap;

use crate::source::MARK;

/// As much of one stream of a cell as is passed on.
const LINES: usize = 1_000;
/// See [`LINES`].
const BYTES: usize = 200_000;

/// One of a cell's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Name {
    /// As Jupyter calls it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The cell of that number begins.
    Begin(u64),
    /// Nothing more of that cell follows on this stream; on standard output with how it went.
    End(u64, String),
    /// A display's place.
    Display(u64),
    /// An error of a `?` follows, at a line and a column.
    Error(usize, usize),
    /// The error's words have ended.
    ErrorEnd,
    /// A line without an end.
    Flush,
}

/// A line: text to show, with or without an end, and then perhaps a marker.
pub fn parse(line: &str) -> (String, Option<Marker>) {
    let Some((text, words)) = line.split_once(MARK) else {
        return (line.to_owned(), None);
    };
    match marker(words.trim_end_matches('\n')) {
        Some(marker) => (text.to_owned(), Some(marker)),
        None => (line.to_owned(), None),
    }
}

fn marker(words: &str) -> Option<Marker> {
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

/// Gathers what a cell prints, and counts it.
#[derive(Debug, Default)]
pub struct Output {
    gathered: Option<(Name, String)>,
    counts: HashMap<Name, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    lines: usize,
    bytes: usize,
    lines_left_out: usize,
    bytes_left_out: usize,
}

impl Output {
    /// Takes text in; gives back what must be shown before it.
    pub fn add(&mut self, name: Name, text: &str) -> Option<(Name, String)> {
        let count = self.counts.entry(name).or_default();
        let lines = text.matches('\n').count();
        if text.is_empty() {
            return None;
        }
        if count.lines + lines > LINES || count.bytes + text.len() > BYTES {
            // From the first one on, or there would be a hole.
            count.lines = LINES + 1;
            count.lines_left_out += lines.max(1);
            count.bytes_left_out += text.len();
            return None;
        }
        count.lines += lines;
        count.bytes += text.len();
        match &mut self.gathered {
            Some((of, gathered)) if *of == name => {
                gathered.push_str(text);
                None
            }
            gathered => gathered.replace((name, text.to_owned())),
        }
    }

    /// What is gathered and not shown yet.
    pub fn flush(&mut self) -> Option<(Name, String)> {
        self.gathered.take()
    }

    /// Whether something waits to be shown.
    pub fn is_gathering(&self) -> bool {
        self.gathered.is_some()
    }

    /// The line that says what was left out, at the cell's end.
    pub fn left_out(&self) -> Option<String> {
        let mut sum = Count::default();
        for count in self.counts.values() {
            sum.lines_left_out += count.lines_left_out;
            sum.bytes_left_out += count.bytes_left_out;
        }
        (sum.lines_left_out > 0).then(|| {
            let megabytes = sum.bytes_left_out as f64 / 1e6;
            format!(
                "… and {} more lines ({megabytes:.1} MB), which are not shown\n",
                with_commas(sum.lines_left_out)
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
    fn markers_are_read_and_text_before_them_has_no_end() {
        assert_eq!(parse("a\n"), ("a\n".into(), None));
        let marked = |text| parse(text).1.unwrap();
        assert_eq!(
            parse("x\u{1}front begin 12\n"),
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
            assert_eq!(parse(other), (other.into(), None));
        }
    }

    #[test]
    fn lines_are_gathered_until_the_other_stream_speaks() {
        let mut output = Output::default();
        assert_eq!(output.add(Name::Stdout, "a\n"), None);
        assert_eq!(output.add(Name::Stdout, "b\n"), None);
        let before = output.add(Name::Stderr, "c\n");
        assert_eq!(before, Some((Name::Stdout, "a\nb\n".into())));
        assert_eq!(output.flush(), Some((Name::Stderr, "c\n".into())));
        assert_eq!(output.flush(), None);
        assert_eq!(output.left_out(), None);
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
        let mut output = Output::default();
        for _ in 0..11_700 {
            output.add(Name::Stdout, "0.1234 0.1234\n");
        }
        let (_, shown) = output.flush().unwrap();
        assert_eq!(shown.lines().count(), 1_000);
        assert_eq!(
            output.left_out().unwrap(),
            "… and 10,700 more lines (0.1 MB), which are not shown\n"
        );
        let mut output = Output::default();
        output.add(Name::Stdout, &"x".repeat(150_000));
        output.add(Name::Stdout, &"y".repeat(150_000));
        assert_eq!(output.flush().unwrap().1.len(), 150_000);
        output.add(Name::Stderr, "still heard\n");
        assert_eq!(output.flush().unwrap().1, "still heard\n");
    }
}
