//! The [`Case`]s of an exercise, and the runner that goes through them.

use crate::error::{Error, Result};
use crate::language::translate;
use crate::notebook::panics::catch;

/// A part of an exercise that an attempt gets right or not. `T` is what the attempt gave, beside what
/// is needed to judge it.
pub(super) struct Case<T: 'static> {
    /// Whether this part is right.
    pub(super) right: fn(&T) -> bool,
    /// What the report lists with a ✓ if it is.
    pub(super) passed: fn(&T) -> String,
    /// The frequent mistakes. If this part is not right, the first that fits is the problem.
    pub(super) mistakes: &'static [Mistake<T>],
    /// The problem if none of them fits.
    pub(super) otherwise: fn(&T) -> String,
}

/// Gives the message of a mistake if the attempt has made it. [`mistake!`] is for most of them.
pub(super) type Mistake<T> = fn(&T) -> Option<String>;

/// A [`Mistake`]: when it has been made, and its message as [`translate!`] takes it.
///
/// `mistake!(|it| it.indices.is_empty(), "nothing is found", "何も見つかっていません")`
macro_rules! mistake {
    (|$it:ident| $made:expr, $english:literal, $japanese:literal $(, $argument:expr)* $(,)?) => {
        |$it| ($made).then(|| $crate::language::translate!($english, $japanese $(, $argument)*))
    };
}
pub(super) use mistake;

/// A message of a [`Case`], as [`translate!`] takes it: `message!(|it| "{} images", "画像 {} 枚", it.count)`,
/// or `message!("nothing", "なし")` if it is always the same.
macro_rules! message {
    (|$it:ident| $english:literal, $japanese:literal $(, $argument:expr)* $(,)?) => {
        |$it| $crate::language::translate!($english, $japanese $(, $argument)*)
    };
    ($english:literal, $japanese:literal $(,)?) => {
        |_| $crate::language::translate!($english, $japanese)
    };
}
pub(super) use message;

/// The first thing that is wrong with an attempt.
pub(super) struct Problem(pub(super) String);

/// Checks end at the first problem.
pub(super) type Checked<T = ()> = std::result::Result<T, Problem>;

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

impl<T> Case<T> {
    /// Whether the result of an attempt gets this part right.
    pub(super) fn check(&self, result: &T) -> Checked {
        if (self.right)(result) {
            return Ok(());
        }
        let mistake = self.mistakes.iter().find_map(|mistake| mistake(result));
        Err(Problem(mistake.unwrap_or_else(|| (self.otherwise)(result))))
    }
}

/// What the cases of one exercise have found right so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) right: Vec<String>,
}

impl Findings {
    /// Goes through the cases, with the same result of an attempt for all of them.
    pub(super) fn check<T>(&mut self, cases: &[Case<T>], result: &T) -> Checked {
        for case in cases {
            case.check(result)?;
            self.right.push((case.passed)(result));
        }
        Ok(())
    }

    /// Checks one case with the results of several calls, which end at the first problem.
    pub(super) fn check_each<I, T>(
        &mut self,
        case: &Case<T>,
        inputs: impl IntoIterator<Item = I>,
        call: impl Fn(I) -> Checked<T>,
    ) -> Checked {
        let mut passed = None;
        for input in inputs {
            let result = call(input)?;
            case.check(&result)?;
            passed = Some((case.passed)(&result));
        }
        self.right.extend(passed);
        Ok(())
    }
}

/// What an attempt gives back. An error or a panic of it is a problem.
pub(super) fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Checked<T> {
    match catch(work) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(Problem(translate!(
            "your function gives back an error: {error}",
            "関数がエラーを返しました: {error}"
        ))),
        Err(reason) => Err(Problem(stopped(&reason))),
    }
}

/// The problem of an attempt that panics.
pub(super) fn stopped(reason: &str) -> String {
    translate!(
        "your function stops in the middle: {reason}",
        "関数が途中で止まりました: {reason}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An even number from 0 to 9.
    const EVEN_DIGIT: Case<i64> = Case {
        right: |it| *it % 2 == 0 && *it < 10,
        passed: message!(|it| "{} is one", "{} です", *it),
        mistakes: &[
            mistake!(|it| *it >= 10, "{} is too large", "{} は大きすぎます", *it),
            mistake!(|it| *it > 4, "{} is large and odd", "{} は奇数です", *it),
        ],
        otherwise: message!("it is odd", "奇数です"),
    };

    fn problem(checked: Checked) -> Option<String> {
        checked.err().map(|Problem(problem)| problem)
    }

    #[test]
    fn the_first_mistake_that_fits_is_the_problem() {
        let problem = |number| problem(EVEN_DIGIT.check(&number));
        // 8 is right, whatever the mistakes say about it.
        assert_eq!(problem(8), None);
        assert_eq!(problem(11).as_deref(), Some("11 is too large"));
        assert_eq!(problem(7).as_deref(), Some("7 is large and odd"));
        assert_eq!(problem(3).as_deref(), Some("it is odd"));
    }

    #[test]
    fn cases_are_gone_through_up_to_the_first_problem() {
        let more_than_5: Case<i64> = Case {
            right: |it| *it > 5,
            passed: message!("it is more than 5", "5 より大きいです"),
            mistakes: &[],
            otherwise: message!("it is not more than 5", "5 以下です"),
        };
        let cases = [EVEN_DIGIT, more_than_5, EVEN_DIGIT];
        let mut findings = Findings::default();
        assert_eq!(problem(findings.check(&cases, &6)), None);
        assert_eq!(
            findings.right,
            ["6 is one", "it is more than 5", "6 is one"]
        );

        let mut findings = Findings::default();
        let problem = problem(findings.check(&cases, &4));
        assert_eq!(problem.as_deref(), Some("it is not more than 5"));
        assert_eq!(findings.right, ["4 is one"]);
    }

    #[test]
    fn a_case_with_several_results_is_listed_once_or_not_at_all() {
        let mut findings = Findings::default();
        assert_eq!(problem(findings.check_each(&EVEN_DIGIT, [2, 4], Ok)), None);
        assert_eq!(findings.right, ["4 is one"]);

        let failed = findings.check_each(&EVEN_DIGIT, [2, 3, 4], |number| match number {
            4 => panic!("called after a problem"),
            _ => Ok(number),
        });
        assert_eq!(problem(failed).as_deref(), Some("it is odd"));
        assert_eq!(findings.right, ["4 is one"]);
    }
}
