//! Text as tables, logs and pictures write it.

/// Text as it may stand in HTML and XML, between tags and inside quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_shows_text_literally() {
        assert_eq!(
            escape("a<b & \"c\" 'd'>"),
            "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;"
        );
    }

    #[test]
    fn numbers_are_grouped_in_thousands() {
        let numbers = [0, 999, 1000, 41806, 1234567];
        let written: Vec<String> = numbers.into_iter().map(with_commas).collect();
        assert_eq!(written, ["0", "999", "1,000", "41,806", "1,234,567"]);
    }
}
