//! What the front answers by itself, whatever evcxr is at.

use serde_json::{Value, json};

/// As evcxr answers.
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

/// No completions, at the place of the cursor.
pub fn no_completions(request: &Value) -> Value {
    let cursor = &request["cursor_pos"];
    json!({
        "status": "ok", "matches": [], "cursor_start": cursor, "cursor_end": cursor, "metadata": {},
    })
}

/// No help.
pub fn no_inspection() -> Value {
    json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })
}

/// Whether a console is to run what was typed, or to wait for more.
pub fn is_complete(code: &str) -> Value {
    match open_brackets(code) {
        Some(0) => json!({ "status": "complete" }),
        Some(open) if open > 0 => {
            json!({ "status": "incomplete", "indent": "    ".repeat(open.unsigned_abs()) })
        }
        // In a string or a comment that goes on.
        None => json!({ "status": "incomplete", "indent": "" }),
        Some(_) => json!({ "status": "invalid" }),
    }
}

/// How many brackets are open at the end; None within a string or a comment.
fn open_brackets(code: &str) -> Option<isize> {
    let mut letters = code.chars().peekable();
    let mut open = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open -= 1,
            '/' if letters.peek() == Some(&'/') => {
                letters.by_ref().find(|letter| *letter == '\n');
            }
            '/' if letters.peek() == Some(&'*') => skip_comment(&mut letters)?,
            '"' => skip_string(&mut letters)?,
            '\'' => skip_letter(&mut letters),
            _ => {}
        }
    }
    Some(open)
}

type Letters<'code> = std::iter::Peekable<std::str::Chars<'code>>;

fn skip_comment(letters: &mut Letters) -> Option<()> {
    letters.next();
    let mut last = ' ';
    loop {
        let letter = letters.next()?;
        if last == '*' && letter == '/' {
            return Some(());
        }
        last = letter;
    }
}

fn skip_string(letters: &mut Letters) -> Option<()> {
    loop {
        match letters.next()? {
            '\\' => drop(letters.next()),
            '"' => return Some(()),
            _ => {}
        }
    }
}

/// `'{'`, but not the lifetime `'a`.
fn skip_letter(letters: &mut Letters) {
    let mut ahead = letters.clone();
    let first = ahead.next();
    if first == Some('\\') {
        ahead.next();
    }
    if ahead.next() == Some('\'') {
        *letters = ahead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_code_is_incomplete() {
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
    fn no_completions_stand_at_the_cursor() {
        let answer = no_completions(&json!({ "code": "abc", "cursor_pos": 2 }));
        assert_eq!(answer["cursor_start"], 2);
        assert_eq!(answer["cursor_end"], 2);
    }
}
