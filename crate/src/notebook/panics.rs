//! Shortens the message of a panic in a cell to one line, and sends it to the front, which shows where in
//! the cell it was.
//!
//! tch's operators panic when shapes do not fit, with libtorch's message in quotes and some twenty
//! C++ frames behind it. A hook shortens that. It is set when this crate is loaded: with the first cell, if
//! all cells are linked with one shared library of the crates (`kernel/src/shared_library.rs`). Without that
//! library each cell has its own copy of this crate, and sets the hook again.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use serde_json::{Value, json};

use super::front::{Front, in_a_cell};
use crate::error::without_frames;

thread_local! {
    /// Whether `catch` turns a panic of this thread into an error.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: this runs while a cell is loaded, before its code. The standard library is ready by then: the
// process has been running for a while. Only the panic hook is changed.
#[ctor::ctor(unsafe)]
fn install_hook() {
    if in_a_cell() {
        std::panic::set_hook(Box::new(|panic| {
            if !IS_CAUGHT.get() {
                report(&panic_message(panic.payload()), panic.location());
            }
        }));
    }
}

/// Sends the panic of a cell to the front as the cell's error. The panic of another thread is printed.
fn report(reason: &str, location: Option<&Location>) {
    let front = Front::current().filter(Front::is_cell_thread);
    let is_sent = front.is_some_and(|front| front.send(&message(reason, location)).is_ok());
    if !is_sent {
        eprintln!("panic: {reason}");
    }
}

fn message(reason: &str, location: Option<&Location>) -> Value {
    json!({
        "kind": "error",
        "ename": "panic",
        "evalue": reason,
        "line": location.map(Location::line),
        "column": location.map(Location::column),
        "file": location.map(Location::file),
    })
}

/// The result of `work`, or the message of its panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let before = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(before);
    result.map_err(|panic| panic_message(panic.as_ref()))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown reason");
    // tch's operators unwrap errors, so libtorch's message is the `Debug` text of an error, in quotes.
    match text.split_once("Torch(\"") {
        Some((_, quoted)) => {
            let message = without_frames(&quoted.replace("\\n", "\n").replace("\\\"", "\""));
            message.trim_end_matches("\")").replace('\n', "; ")
        }
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::front::tests::FakeFront;
    use tch::Tensor;

    #[test]
    fn libtorchs_message_has_no_frames() {
        let numbers = Tensor::from_slice(&[1.0, 2.0, 3.0]);
        let reason = catch(|| numbers.view([2, 2])).expect_err("three numbers are not four");
        assert_eq!(reason, "shape '[2, 2]' is invalid for input of size 3");
    }

    #[test]
    fn the_panic_of_a_cell_is_sent_to_the_front() {
        let (front, here) = (FakeFront::accepting(), Location::caller());
        front.cell(|| report("out of luck", Some(here)));
        front.cell(|| report("no location", None));
        front.other_thread(|| report("not the cell's", Some(here)));
        let with_location = json!({
            "kind": "error", "ename": "panic", "evalue": "out of luck",
            "line": here.line(), "column": here.column(), "file": file!(),
        });
        let without_location = json!({
            "kind": "error", "ename": "panic", "evalue": "no location",
            "line": null, "column": null, "file": null,
        });
        assert_eq!(front.messages(), [with_location, without_location]);
    }

    #[test]
    fn other_panics_keep_their_message() {
        assert_eq!(
            catch(|| panic!("out of {}", "luck")).map(|()| 0),
            Err("out of luck".into())
        );
        assert_eq!(catch(|| panic!("plain")).map(|()| 0), Err("plain".into()));
        assert_eq!(catch(|| 5), Ok(5));
    }
}
