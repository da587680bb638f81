//! The exercises' checks: what is right about an attempt, and what is not yet.
//!
//! One exercise, one file, named as the function that a notebook calls:
//!
//! - [`images_of_class`], [`pixel_histogram`]: notebook 2
//! - [`lenet_layers`], [`lenet`]: notebook 3, LeNet from the table
//! - [`training_step`], [`learning_rate`]: notebook 4
//! - [`save_and_load`]: notebook 5
//! - [`photograph`]: notebook 6, predict an image of one's own
//! - [`grad_cam`]: notebook 7, Grad-CAM by hand
//! - here: the [`Report`] that they all give
//!
//! A check runs the attempt on small data of its own, compares it with what is right, and then with
//! what is often taken for it, so that it can name the mistake. It says what is wrong and where to
//! look, never the code. Whatever an attempt does, a panic included, is told in the report.

mod grad_cam;
mod images_of_class;
mod learning_rate;
mod lenet;
mod lenet_layers;
mod photograph;
mod pixel_histogram;
mod save_and_load;
mod training_step;

use std::ffi::OsStr;
use std::fmt;
use std::panic::Location;
use std::path::Path;

use tch::{Kind, Tensor};

pub use grad_cam::grad_cam;
pub use images_of_class::images_of_class;
pub use learning_rate::learning_rate;
pub use lenet::lenet;
pub use lenet_layers::lenet_layers;
pub use photograph::photograph;
pub use pixel_histogram::pixel_histogram;
pub use save_and_load::save_and_load;
pub use training_step::training_step;

use crate::device::on_cpu_as_double;
use crate::error::{Error, Result};
use crate::language::translate;
use crate::notebook::board;
use crate::notebook::show::{Representations, Show};
use crate::panics::catch;
use crate::text::escape;

/// How an attempt at an exercise did: what is right, and the first thing that is not.
///
/// As the last expression of a cell it shows itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    exercise: String,
    right: Vec<String>,
    problem: Option<String>,
}

/// The first thing that is wrong with an attempt.
struct Problem(String);

/// What checks of one exercise have found so far.
#[derive(Default)]
struct Findings {
    right: Vec<String>,
}

impl Findings {
    fn right(&mut self, what: impl Into<String>) {
        self.right.push(what.into());
    }
}

/// Checks end at the first problem.
type Checked<T = ()> = std::result::Result<T, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem(translate!(
            "the check could not be made: {error}",
            "チェックを実行できませんでした: {error}"
        ))
    }
}

impl From<tch::TchError> for Problem {
    fn from(error: tch::TchError) -> Problem {
        Problem::from(Error::from(error))
    }
}

impl Report {
    /// A hub's board knows the exercise by the file that calls this.
    #[track_caller]
    fn of(exercise: &str, checks: impl FnOnce(&mut Findings) -> Checked) -> Report {
        let mut findings = Findings::default();
        // An attempt may hand out something that makes libtorch panic only here.
        let checked = catch(|| checks(&mut findings));
        let problem = match checked {
            Ok(Ok(())) => None,
            Ok(Err(Problem(problem))) => Some(problem),
            Err(reason) => Some(stopped(&reason)),
        };
        let file = Path::new(Location::caller().file());
        if let Some(name) = file.file_stem().and_then(OsStr::to_str) {
            board::send_result(name, problem.is_none());
        }
        Report {
            exercise: exercise.to_string(),
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
        let exercise = &self.exercise;
        if self.is_solved() {
            translate!("✓ Solved: {exercise}", "✓ できました: {exercise}")
        } else {
            translate!("✗ Not yet: {exercise}", "✗ あと少し: {exercise}")
        }
    }

    /// A bar at the side and signs, so that nobody depends on telling the colours apart.
    fn html(&self) -> String {
        let colour = if self.is_solved() {
            "#0072B2"
        } else {
            "#D55E00"
        };
        let right = self.right.iter().map(|text| ("✓", text));
        let wrong = self.problem.iter().map(|text| ("✗", text));
        let lines: String = right
            .chain(wrong)
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
        for text in &self.right {
            write!(formatter, "\n  ✓ {text}")?;
        }
        if let Some(text) = &self.problem {
            write!(formatter, "\n  ✗ {text}")?;
        }
        Ok(())
    }
}

/// What an attempt gives back, or how it ended.
fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Checked<T> {
    match catch(work) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(Problem(translate!(
            "your function gives back an error: {error}",
            "関数がエラーを返しました: {error}"
        ))),
        Err(reason) => Err(Problem(stopped(&reason))),
    }
}

fn stopped(reason: &str) -> String {
    translate!(
        "your function stops in the middle: {reason}",
        "関数が途中で止まりました: {reason}"
    )
}

/// A problem, unless something holds.
fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Problem(problem()))
    }
}

/// A shape as the notebooks write it.
fn shape(tensor: &Tensor) -> String {
    let sizes: Vec<String> = tensor.size().iter().map(ToString::to_string).collect();
    sizes.join(" × ")
}

/// Whether two tensors have the same shape and, up to rounding, the same numbers.
///
/// Float32 sums of a few thousand terms differ in the sixth digit when their order does.
fn close(left: &Tensor, right: &Tensor) -> bool {
    let size = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
    if left.size() != right.size() || left.numel() == 0 {
        return left.size() == right.size();
    }
    let (Ok(left), Ok(right)) = (on_cpu_as_double(left), on_cpu_as_double(right)) else {
        return false;
    };
    // NaN is close to nothing.
    size(&(&left - &right)) <= 1e-4 * size(&right).max(1e-12)
}

/// The number r of `left` = r · `right`, if there is one.
fn ratio(left: &Tensor, right: &Tensor) -> Option<f64> {
    if left.size() != right.size() {
        return None;
    }
    let left = on_cpu_as_double(left).ok()?;
    let right = on_cpu_as_double(right).ok()?;
    let product = (&left * &right).sum(Kind::Double).double_value(&[]);
    let square = right.square().sum(Kind::Double).double_value(&[]);
    let ratio = product / square;
    (ratio.is_finite() && close(&left, &(&right * ratio))).then_some(ratio)
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
    use super::*;
    use crate::language::{Language, with_language};

    /// The problem of an attempt in English, seen to be told in Japanese, too.
    pub(super) fn problem(check: impl Fn() -> Report) -> String {
        let japanese = with_language(Language::Japanese, &check);
        let told = japanese.problem().expect("there is a problem in Japanese");
        assert!(
            told.chars().any(|sign| ('ぁ'..='ヿ').contains(&sign)),
            "{told}"
        );
        let english = check();
        assert!(!english.is_solved());
        let told = english.problem().expect("there is a problem");
        assert!(told.is_ascii() || !told.chars().any(|sign| ('ぁ'..='ヿ').contains(&sign)));
        told.to_string()
    }

    /// Asserts that a right attempt is seen as one.
    pub(super) fn assert_solved(report: Report) {
        assert!(report.is_solved(), "{report}");
    }

    fn report(problem: Option<&str>) -> Report {
        Report::of("counting", |findings| {
            findings.right("one & two");
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
        let html = wrong.html();
        assert!(html.contains("<div>✓ one &amp; two</div><div>✗ three &lt; four</div>"));
    }

    #[test]
    fn a_report_speaks_japanese() {
        let text = with_language(Language::Japanese, || report(None).to_string());
        assert_eq!(text, "✓ できました: counting\n  ✓ one & two");
    }

    #[test]
    fn an_attempt_that_panics_or_fails_is_told() {
        let told = |work: fn() -> Result<()>| {
            let report = Report::of("x", |_| attempt(work));
            report.problem().unwrap_or_default().to_string()
        };
        assert_eq!(
            told(|| panic!("out of luck")),
            "your function stops in the middle: out of luck"
        );
        assert_eq!(
            told(|| Err(Error::Data("no images".into()))),
            "your function gives back an error: no images"
        );
        let later = Report::of("x", |_| panic!("later"));
        assert_eq!(
            later.problem(),
            Some("your function stops in the middle: later")
        );
    }

    #[test]
    fn close_is_relative_and_nan_is_far() {
        let numbers = |values: &[f32]| Tensor::from_slice(values);
        assert!(close(&numbers(&[1000.01, 1.0]), &numbers(&[1000.0, 1.0])));
        assert!(!close(&numbers(&[1001.0, 1.0]), &numbers(&[1000.0, 1.0])));
        assert!(!close(&numbers(&[f32::NAN]), &numbers(&[1.0])));
        assert!(!close(&numbers(&[1.0]), &numbers(&[1.0, 1.0])));
        assert!(close(&numbers(&[0.0]), &numbers(&[0.0])));
    }

    #[test]
    fn the_ratio_is_that_of_every_number() {
        let numbers = |values: &[f32]| Tensor::from_slice(values);
        let found = ratio(&numbers(&[-2.0, 4.0]), &numbers(&[1.0, -2.0])).expect("−2");
        assert!((found + 2.0).abs() < 1e-6);
        assert!(ratio(&numbers(&[1.0, 2.0]), &numbers(&[2.0, 1.0])).is_none());
        assert!(ratio(&numbers(&[1.0]), &numbers(&[0.0])).is_none());
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
