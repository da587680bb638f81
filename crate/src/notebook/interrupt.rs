//! Whether ■ was pressed, and how loops end then.

use super::front::Front;
use crate::error::{Error, Result};
use crate::text::with_commas;

/// Whether ■ was pressed while the running cell was at work. A loop that asks can end early, and
/// keep what it has:
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
/// It stays `true` until the cell ends, so that loops within loops end one after the other. Asking
/// takes 1 to 2 µs. `false` where the kernel has nobody who could tell: ■ ends the process there.
pub fn interrupted() -> bool {
    Front::current().is_some_and(|front| front.is_interrupted())
}

/// Whether work on this thread is to end: the cell that it belongs to was interrupted. Threads that
/// go on while other cells run are not meant by their ■.
pub(crate) fn stop_requested() -> bool {
    Front::current().is_some_and(|front| front.is_cells_thread() && front.is_interrupted())
}

/// To be asked before each step of some work that leaves nothing behind: `done` of `total` `things`
/// are done.
///
/// # Errors
/// [`Error::Interrupted`] if the work is to end.
pub(crate) fn go_on(
    work: &'static str,
    done: usize,
    total: usize,
    things: &'static str,
) -> Result<()> {
    if !stop_requested() {
        return Ok(());
    }
    Err(Error::Interrupted {
        work,
        done: format!("{} of {} {things}", with_commas(done), with_commas(total)),
        left: "nothing is lost",
    })
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::Stage;
    use super::*;

    #[test]
    fn an_interrupt_is_seen_until_the_cell_ends() {
        let stage = Stage::deserted();
        stage.cell(|| assert!(!interrupted() && !stop_requested()));
        stage.interrupt();
        stage.cell(|| assert!(interrupted() && stop_requested() && interrupted()));
        assert!(!interrupted(), "there is no front");
    }

    #[test]
    fn work_in_other_threads_goes_on() {
        let stage = Stage::deserted();
        stage.interrupt();
        stage.other_thread(|| assert!(interrupted() && !stop_requested()));
    }

    #[test]
    fn the_error_says_how_far_the_work_was() {
        let stage = Stage::deserted();
        let ask = || go_on("the evaluation", 3000, 10_000, "images");
        assert!(stage.cell(ask).is_ok());
        stage.interrupt();
        assert_eq!(
            stage.cell(ask).unwrap_err().to_string(),
            "the evaluation was stopped after 3,000 of 10,000 images; nothing is lost"
        );
    }
}
