//! Formats text, numbers and durations for tables, logs and pictures.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use crate::language::translate;

/// The width of a text in columns of a monospaced font: kana and kanji take two columns.
pub(crate) fn display_width(text: &str) -> usize {
    text.width()
}

/// The text, padded with spaces at its end to this many columns.
pub(crate) fn pad_end(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(display_width(text)))
}

/// The text, padded with spaces at its start to this many columns.
pub(crate) fn pad_start(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(display_width(text))) + text
}

/// A name on one line. Line breaks and other control characters, which a file name may have, are escaped as
/// in Rust.
pub(crate) fn on_one_line(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        match character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    text
}

/// The text escaped for HTML and XML, between tags and in quotes. XML 1.0 cannot contain most control
/// characters: they are replaced by U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let is_forbidden =
        |character: char| character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    text.replace(is_forbidden, "\u{FFFD}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A number with a comma between groups of three digits: `60,000`.
pub(crate) fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in words: `8 s`, `2 min 05 s`, `1 h 07 min`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match seconds {
        0..60 => translate!("{seconds} s", "{seconds} 秒"),
        60..3600 => translate!(
            "{} min {:02} s",
            "{} 分 {:02} 秒",
            seconds / 60,
            seconds % 60
        ),
        _ => translate!(
            "{} h {:02} min",
            "{} 時間 {:02} 分",
            seconds / 3600,
            seconds % 3600 / 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Language, with_language};

    #[test]
    fn html_shows_text_literally() {
        assert_eq!(
            escape("a<b & \"c\" 'd'>"),
            "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;"
        );
    }

    #[test]
    fn control_characters_do_not_reach_html() {
        assert_eq!(escape("a\u{1}b\u{7f}c\td\n"), "a\u{FFFD}b\u{FFFD}c\td\n");
    }

    #[test]
    fn a_name_takes_one_line() {
        assert_eq!(on_one_line("Käfer 猫 \\"), "Käfer 猫 \\");
        assert_eq!(on_one_line("cat\nEVCXR\r\u{1}"), "cat\\nEVCXR\\r\\u{1}");
    }

    #[test]
    fn japanese_characters_take_two_columns() {
        assert_eq!(display_width("5 × 5 画像"), 10);
        assert_eq!(pad_end("層", 4) + "|", "層  |");
        assert_eq!(pad_start("損失", 6), "  損失");
        assert_eq!(pad_start("too long", 3), "too long");
    }

    #[test]
    fn numbers_are_grouped_in_thousands() {
        let numbers = [0, 999, 1000, 41806, 1234567];
        let written: Vec<String> = numbers.into_iter().map(with_commas).collect();
        assert_eq!(written, ["0", "999", "1,000", "41,806", "1,234,567"]);
    }

    #[test]
    fn durations_are_rounded_to_seconds() {
        let text = |seconds| format_duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [text(0.4), text(59.4), text(125.0), text(4020.0)],
            ["0 s", "59 s", "2 min 05 s", "1 h 07 min"]
        );
    }

    #[test]
    fn durations_are_in_japanese() {
        let text = |seconds| {
            with_language(Language::Japanese, || {
                format_duration(Duration::from_secs(seconds))
            })
        };
        assert_eq!([text(125), text(4020)], ["2 分 05 秒", "1 時間 07 分"]);
    }
}
