//! What the tests of the exercises share.

use super::report::Report;
use crate::language::{Language, with_language};

/// Whether a text has hiragana or katakana.
fn is_japanese(text: &str) -> bool {
    text.chars().any(|letter| ('ぁ'..='ヿ').contains(&letter))
}

/// The problem of an attempt in English. Asserts that there is one, in Japanese, too.
pub(super) fn problem(check: impl Fn() -> Report) -> String {
    let japanese = with_language(Language::Japanese, &check);
    let text = japanese.problem().expect("there is a problem in Japanese");
    assert!(is_japanese(text), "{text}");
    let english = check();
    assert!(!english.is_solved());
    let text = english.problem().expect("there is a problem");
    assert!(!is_japanese(text), "{text}");
    text.to_string()
}

/// Asserts of each attempt that its problem begins with the text beside it.
pub(super) fn assert_problems<A: Copy>(check: impl Fn(A) -> Report, attempts: &[(A, &str)]) {
    for &(attempt, beginning) in attempts {
        let problem = problem(|| check(attempt));
        assert!(
            problem.starts_with(beginning),
            "{problem:?}, not {beginning:?}"
        );
    }
}

/// Asserts that an attempt is seen to be right.
pub(super) fn assert_solved(report: Report) {
    assert!(report.is_solved(), "{report}");
}
