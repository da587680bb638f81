//! Whether ■ was pressed, and how loops end then.

use super::front::Front;
use crate::error::{Error, Result};
use crate::text::with_commas;

/// Whether ■ was pressed while the cell was running. A loop that checks it can end early and keep its
/// result so far:
///
/// ```
/// use gasshuku::prelude::*;
/// let mut sum = 0.0;
/// for number in 1..=1_000_000 {
///     if interrupted() {
///         println!("stopped at {number}");
///         break;
///     }
///     sum += f64::from(number).sqrt();
/// }
/// # assert!(sum > 0.0);
/// ```
///
/// It stays `true` until the cell ends, so that nested loops end one after the other. A call takes 1 to
/// 2 µs. Without the workshop's kernel it is always `false`: ■ ends the process there.
pub fn interrupted() -> bool {
    Front::current().is_some_and(|front| front.is_interrupted())
}

/// Whether work on this thread must stop: this is the thread of the cell, and ■ was pressed. Threads that
/// keep running during later cells are not stopped by ■.
pub(crate) fn stop_requested() -> bool {
    Front::current().is_some_and(|front| front.is_cell_thread() && front.is_interrupted())
}

/// Called before each step of work whose partial result is of no use: `done` of `total` `unit` are done,
/// such as 3 of 10 "images".
///
/// # Errors
/// [`Error::Interrupted`] if ■ was pressed.
pub(crate) fn check_interrupted(
    work: &'static str,
    done: usize,
    total: usize,
    unit: &'static str,
) -> Result<()> {
    if !stop_requested() {
        return Ok(());
    }
    Err(Error::Interrupted {
        work,
        done: format!("{} of {} {unit}", with_commas(done), with_commas(total)),
        outcome: "nothing is lost",
    })
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::FakeFront;
    use super::*;

    #[test]
    fn an_interrupt_is_seen_until_the_cell_ends() {
        let front = FakeFront::without_socket();
        front.cell(|| assert!(!interrupted() && !stop_requested()));
        front.interrupt();
        front.cell(|| assert!(interrupted() && stop_requested() && interrupted()));
        assert!(!interrupted(), "there is no front");
    }

    #[test]
    fn other_threads_are_not_stopped() {
        let front = FakeFront::without_socket();
        front.interrupt();
        front.other_thread(|| assert!(interrupted() && !stop_requested()));
    }

    #[test]
    fn the_error_says_how_much_was_done() {
        let front = FakeFront::without_socket();
        let check = || check_interrupted("the evaluation", 3000, 10_000, "images");
        assert!(front.cell(check).is_ok());
        front.interrupt();
        assert_eq!(
            front.cell(check).unwrap_err().to_string(),
            "the evaluation was stopped after 3,000 of 10,000 images; nothing is lost"
        );
    }
}
