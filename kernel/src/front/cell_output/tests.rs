use super::*;

fn text(stream: Stream, text: &str) -> OutputItem {
    OutputItem::Text(stream, text.to_owned())
}

fn late(stream: Stream, text: &str) -> OutputItem {
    OutputItem::LateText(stream, text.to_owned())
}

#[test]
fn late_text_belongs_to_the_previous_cell() {
    let mut cell = CellOutput::new(true);
    assert!(
        cell.receive(Stream::Stdout, "while it is compiled\n", None)
            .is_empty()
    );
    let shown = cell.receive(Stream::Stdout, "late\n", Some(5));
    let early = late(Stream::Stdout, "while it is compiled\n");
    assert_eq!(shown, [early, late(Stream::Stdout, "late\n")]);
    let shown = cell.receive(Stream::Stdout, "half\u{1}front begin 5\n", Some(5));
    assert_eq!(shown, [late(Stream::Stdout, "half")]);
    assert!(cell.receive(Stream::Stdout, "own\n", None).is_empty());
    assert_eq!(cell.finish(), [text(Stream::Stdout, "own\n")]);
}

#[test]
fn standard_error_before_the_marker_of_the_beginning_belongs_to_the_cell() {
    let mut cell = CellOutput::new(true);
    assert!(cell.receive(Stream::Stderr, "own\n", Some(5)).is_empty());
    let shown = cell.receive(Stream::Stdout, "\u{1}front begin 5\n", Some(5));
    assert!(shown.is_empty());
    assert_eq!(cell.finish(), [text(Stream::Stderr, "own\n")]);
}

#[test]
fn displays_are_shown_at_their_markers() {
    let mut cell = CellOutput::new(false);
    cell.receive(Stream::Stdout, "\u{1}front begin 1\nbefore\n", Some(1));
    cell.keep_display(7, Display::default());
    let shown = cell.receive(Stream::Stdout, "half\u{1}front display 7\nafter\n", Some(1));
    assert_eq!(shown[0], text(Stream::Stdout, "before\nhalf"));
    assert!(matches!(shown[1], OutputItem::Display(_)));
    assert_eq!(cell.finish(), [text(Stream::Stdout, "after\n")]);
}

#[test]
fn the_error_of_a_question_mark_is_not_shown_as_output() {
    let mut cell = CellOutput::new(false);
    cell.receive(Stream::Stdout, "\u{1}front begin 1\n", Some(1));
    cell.receive(
        Stream::Stderr,
        "\u{1}front error 12 5\nno such file\nframe\n",
        Some(1),
    );
    cell.receive(Stream::Stderr, "\u{1}front error-end\na warning\n", Some(1));
    cell.receive(Stream::Stdout, "\u{1}front end 1 error\n", Some(1));
    // This panic was caught earlier: the cell has not failed with it.
    cell.keep_reported_failure(Failure::new("panic", "caught"));
    assert_eq!(cell.finish(), [text(Stream::Stderr, "a warning\n")]);
    let failure = cell.failure().unwrap();
    assert_eq!(failure.message, "no such file\nframe");
    assert_eq!(failure.place.unwrap().line, 12);
}

const MESSAGE: &str = "\nthread '<unnamed>' (9) panicked at src/lib.rs:3:1:\nmade to panic\n\
    note: run with `RUST_BACKTRACE=1` environment variable\n";

#[test]
fn a_panic_is_reported_once() {
    let mut cell = CellOutput::new(false);
    cell.receive(Stream::Stdout, "\u{1}front begin 1\n", Some(1));
    cell.receive(Stream::Stderr, MESSAGE, Some(1));
    cell.receive(Stream::Stderr, "\u{1}front end 1\n", Some(1));
    cell.receive(Stream::Stdout, "\u{1}front end 1 panic\n", Some(1));
    assert!(cell.finish().is_empty());
    assert_eq!(cell.failure().unwrap().message, "made to panic");
    let mut silent = cell_that_failed();
    silent.keep_reported_failure(Failure::new("panic", "reported"));
    assert_eq!(silent.failure().unwrap().message, "reported");
    assert_eq!(
        cell_that_failed().failure().unwrap().message,
        "the cell has panicked"
    );
}

fn cell_that_failed() -> CellOutput {
    let mut cell = CellOutput::new(false);
    cell.receive(
        Stream::Stdout,
        "\u{1}front begin 1\n\u{1}front end 1 panic\n",
        Some(1),
    );
    cell
}

#[test]
fn the_message_of_a_caught_panic_is_standard_error() {
    let mut cell = CellOutput::new(false);
    cell.receive(Stream::Stdout, "\u{1}front begin 1\n", Some(1));
    cell.receive(Stream::Stderr, MESSAGE, Some(1));
    cell.receive(Stream::Stdout, "\u{1}front end 1 ok\n", Some(1));
    let message = "thread '<unnamed>' (9) panicked at src/lib.rs:3:1:\nmade to panic\n";
    assert_eq!(cell.finish(), [text(Stream::Stderr, message)]);
    assert_eq!(cell.failure(), None);
}
