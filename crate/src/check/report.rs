//! The report of an exercise's check, as the notebook shows it.

use std::fmt;

use super::cases::{Checked, Findings, Problem, stopped};
use crate::error::Result;
use crate::language::translate;
use crate::notebook::board;
use crate::notebook::panics::catch;
use crate::notebook::show::{Representations, Show};
use crate::text::escape;

/// How an attempt at an exercise did: what is right, and the first thing that is not.
///
/// As the last expression of a cell it shows itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    title: String,
    right: Vec<String>,
    problem: Option<String>,
}

impl Report {
    /// Runs the checks of the exercise that a hub's board knows as `exercise`.
    pub(super) fn of(
        exercise: &str,
        title: &str,
        checks: impl FnOnce(&mut Findings) -> Checked,
    ) -> Report {
        let mut findings = Findings::default();
        // An attempt may hand out something that makes libtorch panic only here.
        let problem = match catch(|| checks(&mut findings)) {
            Ok(Ok(())) => None,
            Ok(Err(Problem(problem))) => Some(problem),
            Err(reason) => Some(stopped(&reason)),
        };
        board::send_result(exercise, problem.is_none());
        Report {
            title: title.to_string(),
            right: findings.right,
            problem,
        }
    }

    /// Whether there is nothing left to do.
    pub fn is_solved(&self) -> bool {
        self.problem.is_none()
    }

    /// What is wrong, in the words of the notebook; `None` if nothing is.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn headline(&self) -> String {
        let title = &self.title;
        if self.is_solved() {
            translate!("✓ Solved: {title}", "✓ できました: {title}")
        } else {
            translate!("✗ Not yet: {title}", "✗ あと少し: {title}")
        }
    }

    /// What is right with a ✓ and then the problem with a ✗, in the order of the checks.
    fn lines(&self) -> impl Iterator<Item = (char, &String)> {
        let right = self.right.iter().map(|text| ('✓', text));
        right.chain(self.problem.iter().map(|text| ('✗', text)))
    }

    /// A bar at the side and signs, so that nobody depends on telling the colours apart.
    fn html(&self) -> String {
        let colour = if self.is_solved() {
            "#0072B2"
        } else {
            "#D55E00"
        };
        let lines: String = self
            .lines()
            .map(|(sign, text)| format!("<div>{sign} {}</div>", with_code(text)))
            .collect();
        format!(
            "<div style=\"border-left:4px solid {colour};padding:2px 12px;line-height:1.6\">\
             <b>{}</b>{lines}</div>",
            escape(&self.headline())
        )
    }
}

impl Show for Report {
    fn representations(&self) -> Result<Representations> {
        Ok(vec![
            ("text/html", self.html()),
            ("text/plain", self.to_string()),
        ])
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.headline())?;
        for (sign, text) in self.lines() {
            write!(formatter, "\n  {sign} {text}")?;
        }
        Ok(())
    }
}

/// As HTML, with `code` between backticks set as code. A backtick without a partner stays.
fn with_code(text: &str) -> String {
    let escaped = escape(text);
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let tags = ["<code>", "</code>"].into_iter().cycle();
    let (first, others) = parts.split_first().unwrap_or((&"", &[]));
    let others = tags.zip(others).map(|(tag, part)| format!("{tag}{part}"));
    format!("{first}{}", others.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::cases::attempt;
    use super::*;
    use crate::error::Error;
    use crate::language::{Language, with_language};

    fn report(problem: Option<&str>) -> Report {
        Report::of("counting", "counting", |findings| {
            findings.right.push("one & two".into());
            problem.map_or(Ok(()), |text| Err(Problem(text.to_string())))
        })
    }

    #[test]
    fn a_report_says_what_is_right_and_what_is_not() {
        assert_eq!(
            report(None).to_string(),
            "✓ Solved: counting\n  ✓ one & two"
        );
        let wrong = report(Some("three < four"));
        assert_eq!(
            wrong.to_string(),
            "✗ Not yet: counting\n  ✓ one & two\n  ✗ three < four"
        );
        assert_eq!(
            wrong.html(),
            "<div style=\"border-left:4px solid #D55E00;padding:2px 12px;line-height:1.6\">\
             <b>✗ Not yet: counting</b>\
             <div>✓ one &amp; two</div><div>✗ three &lt; four</div></div>"
        );
    }

    #[test]
    fn a_report_speaks_japanese() {
        let text = |problem| with_language(Language::Japanese, || report(problem).to_string());
        assert_eq!(text(None), "✓ できました: counting\n  ✓ one & two");
        assert_eq!(
            text(Some("three")),
            "✗ あと少し: counting\n  ✓ one & two\n  ✗ three"
        );
    }

    #[test]
    fn an_attempt_that_panics_or_fails_is_a_problem() {
        let problem = |work: fn() -> Result<()>| {
            let report = Report::of("x", "x", |_| attempt(work));
            report.problem().unwrap_or_default().to_string()
        };
        assert_eq!(
            problem(|| panic!("out of luck")),
            "your function stops in the middle: out of luck"
        );
        assert_eq!(
            problem(|| Err(Error::Data("no images".into()))),
            "your function gives back an error: no images"
        );
        let later = Report::of("x", "x", |_| panic!("later"));
        assert_eq!(
            later.problem(),
            Some("your function stops in the middle: later")
        );
    }

    #[test]
    fn backticks_become_code() {
        assert_eq!(
            with_code("`a < b` and `c`"),
            "<code>a &lt; b</code> and <code>c</code>"
        );
        assert_eq!(with_code("one ` alone"), "one ` alone");
        assert_eq!(with_code("none"), "none");
    }
}
