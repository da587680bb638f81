//! Numbers as text.

use crate::language::Language;
use crate::text::with_commas;

/// A number with its noun: `1 image`, `2,000 images`; in Japanese a noun, the number and a counter: `画像 2,000 枚`.
pub(super) fn with_noun(value: usize, english: &str, japanese: [&str; 2]) -> String {
    let (number, plural) = (with_commas(value), if value == 1 { "" } else { "s" });
    match Language::current() {
        Language::English => format!("{number} {english}{plural}"),
        Language::Japanese if japanese[0].is_empty() => format!("{number} {}", japanese[1]),
        Language::Japanese => format!("{} {number} {}", japanese[0], japanese[1]),
    }
}

/// A fraction as a percentage: `percent(0.875, 1)` is `87.5 %`.
pub(super) fn percent(fraction: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * fraction)
}

/// A number with `decimals` decimals, with the minus sign of typography and commas: `−1,234.50`.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.chars().all(|digit| digit == '0' || digit == '.');
    let minus = if value < 0.0 && !is_zero { "−" } else { "" };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), with_commas);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{minus}{whole}{point}{fraction}")
}

/// A number with about `digits` significant digits: `0.253`, `12.4`, `3.10×10⁻⁵`.
pub(super) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&exponent) {
        let mantissa = fixed(value / 10f64.powi(exponent), digits.saturating_sub(1));
        return format!("{mantissa}×{}", power_of_ten(exponent));
    }
    fixed(value, (digits as i32 - 1 - exponent).clamp(0, 12) as usize)
}

/// A power of ten with a superscript exponent: `10⁻⁵`.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let digits = exponent.to_string();
    let superscript = digits.chars().map(|character| match character {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        // Unicode has the superscripts 1, 2 and 3 elsewhere; the others follow '⁰'.
        digit => {
            char::from_u32(u32::from(digit) - u32::from('0') + u32::from('⁰')).unwrap_or(digit)
        }
    });
    format!("10{}", superscript.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!(with_commas(0), "0");
        assert_eq!(with_commas(999), "999");
        assert_eq!(with_commas(1_000), "1,000");
        assert_eq!(with_commas(1_234_567), "1,234,567");
    }

    #[test]
    fn negative_numbers_have_a_minus_sign_and_zero_has_none() {
        assert_eq!(fixed(-1234.5, 2), "−1,234.50");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(7.0, 0), "7");
    }

    #[test]
    fn significant_digits_follow_the_magnitude() {
        assert_eq!(significant(0.25349, 3), "0.253");
        assert_eq!(significant(12.44, 3), "12.4");
        assert_eq!(significant(1500.0, 3), "1,500");
        assert_eq!(significant(3.1e-5, 3), "3.10×10⁻⁵");
        assert_eq!(significant(0.0, 3), "0");
    }

    #[test]
    fn exponents_are_superscripts() {
        assert_eq!(power_of_ten(-12), "10⁻¹²");
        assert_eq!(power_of_ten(30), "10³⁰");
    }
}
