//! Contents of replies that the front makes itself.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::message::Message;

/// A `kernel_info_reply`, much as that of evcxr 0.22.
pub fn kernel_info() -> Value {
    json!({
        "status": "ok",
        "protocol_version": "5.3",
        "implementation": "evcxr-prewarm",
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "Rust",
            "version": "",
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": "Rust, by evcxr",
        "help_links": [
            { "text": "Rust std docs", "url": "https://doc.rust-lang.org/stable/std/" },
        ],
        "debugger": false,
        "supported_features": [],
    })
}

/// A reply without completions, for the content of a `complete_request`.
pub fn no_completions(request: &Value) -> Value {
    let cursor = &request["cursor_pos"];
    json!({
        "status": "ok", "matches": [], "cursor_start": cursor, "cursor_end": cursor, "metadata": {},
    })
}

/// A reply without help on a name.
pub fn no_inspection() -> Value {
    json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })
}

/// Whether a console should run the code, or wait for more lines.
pub fn is_complete(code: &str) -> Value {
    match open_brackets(code) {
        Some(0) => json!({ "status": "complete" }),
        Some(open) if open > 0 => {
            json!({ "status": "incomplete", "indent": "    ".repeat(open.unsigned_abs()) })
        }
        // In a string or a comment that is not closed.
        None => json!({ "status": "incomplete", "indent": "" }),
        Some(_) => json!({ "status": "invalid" }),
    }
}

/// The number of open brackets at the end; `None` within a string or a comment.
fn open_brackets(code: &str) -> Option<isize> {
    let mut chars = code.chars().peekable();
    let mut open = 0;
    while let Some(c) = chars.next() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open -= 1,
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '/' if chars.peek() == Some(&'*') => skip_comment(&mut chars)?,
            '"' => skip_string(&mut chars)?,
            '\'' => skip_char_literal(&mut chars),
            _ => {}
        }
    }
    Some(open)
}

type Chars<'code> = std::iter::Peekable<std::str::Chars<'code>>;

fn skip_comment(chars: &mut Chars) -> Option<()> {
    chars.next();
    let mut last = ' ';
    loop {
        let c = chars.next()?;
        if last == '*' && c == '/' {
            return Some(());
        }
        last = c;
    }
}

fn skip_string(chars: &mut Chars) -> Option<()> {
    loop {
        match chars.next()? {
            '\\' => drop(chars.next()),
            '"' => return Some(()),
            _ => {}
        }
    }
}

/// Skips `'{'`, but not the lifetime `'a`.
fn skip_char_literal(chars: &mut Chars) {
    let mut ahead = chars.clone();
    let first = ahead.next();
    if first == Some('\\') {
        ahead.next();
    }
    if ahead.next() == Some('\'') {
        *chars = ahead;
    }
}

/// The content of a reply for a cell that has run.
pub fn ok(count: u64) -> Value {
    json!({
        "status": "ok", "execution_count": count, "payload": [], "user_expressions": {},
    })
}

/// The content of a reply for a cell that has failed. `error` is the content of its `error` message.
pub fn error(error: &Value, count: u64) -> Value {
    json!({
        "status": "error",
        "execution_count": count,
        "ename": error["ename"],
        "evalue": error["evalue"],
        "traceback": error["traceback"],
    })
}

/// The content of a reply for a cell that does not compile. evcxr's own reply has no text: that is only in
/// its `error` messages, whose contents are `errors`.
pub fn evcxr_errors(errors: &[Value], count: u64) -> Value {
    let lines = errors
        .iter()
        .filter_map(|error| error["traceback"].as_array());
    let traceback: Vec<&Value> = lines.flatten().collect();
    let unknown = json!({ "ename": "Error", "evalue": "the cell has failed" });
    let first = errors.first().unwrap_or(&unknown);
    error(
        &json!({ "ename": first["ename"], "evalue": first["evalue"], "traceback": traceback }),
        count,
    )
}

/// The parts of a result's content, not parsed.
#[derive(Deserialize)]
struct ResultContent<'content> {
    #[serde(borrow)]
    data: &'content RawValue,
    #[serde(borrow)]
    metadata: Option<&'content RawValue>,
}

/// The `execute_result` with the number that the frontend shows for the cell. A picture in it is not
/// parsed.
pub fn with_count(mut result: Message, count: u64) -> Message {
    if let Ok(content) = serde_json::from_slice::<ResultContent>(&result.content) {
        let metadata = content.metadata.map_or("{}", RawValue::get);
        let text = format!(
            "{{\"execution_count\":{count},\"metadata\":{metadata},\"data\":{}}}",
            content.data.get()
        );
        result.content = text.into();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_with_open_brackets_is_incomplete() {
        let status = |code: &str| is_complete(code)["status"].as_str().unwrap().to_owned();
        for code in [
            "1 + 1",
            "fn f() { g(\"}\") }",
            "let c = '{';",
            "// {",
            "fn f<'a>() {}",
            "'\\''",
        ] {
            assert_eq!(status(code), "complete", "{code}");
        }
        for code in ["fn f() {", "let s = \"a", "/* a", "vec![1,"] {
            assert_eq!(status(code), "incomplete", "{code}");
        }
        assert_eq!(status("}"), "invalid");
        assert_eq!(is_complete("fn f() { if a {")["indent"], "        ");
    }

    #[test]
    fn no_completions_are_at_the_cursor() {
        let answer = no_completions(&json!({ "code": "abc", "cursor_pos": 2 }));
        assert_eq!(answer["cursor_start"], 2);
        assert_eq!(answer["cursor_end"], 2);
    }
}
