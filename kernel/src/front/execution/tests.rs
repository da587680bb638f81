use serde_json::json;

use super::*;

fn cell(expects_markers: bool) -> Execution {
    let header = json!({ "msg_id": "1", "msg_type": "execute_request" });
    let request = Message::new("execute_request", &header, &json!({ "code": "cell" }));
    Execution::new(request, 1, expects_markers)
}

fn reply(execution: &mut Execution, is_ok: bool) {
    execution.reply = Some(Reply {
        is_ok,
        since: Instant::now(),
    });
    execution.is_idle = true;
}

fn text(stream: Stream, text: &str) -> OutputItem {
    OutputItem::Text(stream, text.to_owned())
}

#[test]
fn a_reply_waits_for_the_end_of_both_streams() {
    let mut cell = cell(true);
    cell.receive(Stream::Stdout, "\u{1}front begin 5\n", Some(5));
    assert!(cell.output.is_running());
    reply(&mut cell, true);
    assert!(!cell.is_done(Some(5)));
    cell.receive(Stream::Stdout, "x\u{1}front end 5 ok\n", None);
    assert!(!cell.output.is_running());
    assert!(!cell.is_done(Some(5)));
    cell.receive(Stream::Stderr, "\u{1}front end 5\n", None);
    assert!(cell.is_done(Some(5)));
    assert_eq!(cell.output.finish(), [text(Stream::Stdout, "x")]);
    assert_eq!(cell.output.failure(), None);
}

/// On a busy machine, handling a flood of output takes longer than the time limit.
#[test]
fn a_reply_waits_as_long_as_output_arrives() {
    let mut cell = cell(true);
    cell.receive(Stream::Stdout, "\u{1}front begin 5\n", Some(5));
    reply(&mut cell, true);
    let long_ago = Instant::now().checked_sub(2 * OUTPUT_TIMEOUT).unwrap();
    cell.reply.as_mut().unwrap().since = long_ago;
    assert!(
        cell.is_done(Some(5)),
        "a process that has closed its output"
    );
    cell.receive(Stream::Stdout, "words\n", None);
    assert!(!cell.is_done(Some(5)));
}

#[test]
fn a_reply_that_arrives_before_the_result_waits_for_it() {
    let mut cell = cell(false);
    reply(&mut cell, true);
    cell.is_idle = false;
    assert!(!cell.is_done(None));
    cell.is_idle = true;
    assert!(cell.is_done(None));
}

#[test]
fn without_markers_a_reply_does_not_wait() {
    let mut plain = cell(false);
    assert!(!plain.is_done(None));
    plain.receive(Stream::Stdout, "a\n", None);
    reply(&mut plain, true);
    assert!(plain.is_done(None));
    let mut wrong = cell(true);
    reply(&mut wrong, false);
    assert!(wrong.is_done(Some(5)));
}

#[test]
fn text_belongs_to_a_cell_that_unexpectedly_has_no_markers() {
    let mut cell = cell(true);
    cell.receive(Stream::Stdout, "a\n", None);
    cell.receive(Stream::Stderr, "b\n", None);
    reply(&mut cell, true);
    assert!(cell.is_done(None));
    assert_eq!(
        cell.output.finish(),
        [text(Stream::Stdout, "a\n"), text(Stream::Stderr, "b\n")]
    );
}
