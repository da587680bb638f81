//! A panic in a cell says what is wrong in one line, or tells it to the front, which shows where.
//!
//! tch's operators panic when shapes do not fit, with libtorch's message in quotes and some twenty
//! C++ frames behind it. evcxr builds every cell as a shared object with a standard library of its
//! own, so a hook that one cell sets is not seen by the next: it is set when a cell is loaded.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use serde_json::{Value, json};

use crate::error::without_frames;
use crate::notebook::front::{Front, in_a_cell};

thread_local! {
    /// Whether a panic will be caught and told as an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: this runs while a cell is loaded, before its code. The standard library is ready by then,
// since the process has long been running, and nothing but the hook of this copy is touched.
#[ctor::ctor(unsafe)]
fn install() {
    if in_a_cell() {
        std::panic::set_hook(Box::new(|panic| {
            if !CAUGHT.get() {
                tell(&reason(panic.payload()), panic.location());
            }
        }));
    }
}

/// The panic of a cell is its error, which the front shows; that of another thread is a line.
fn tell(reason: &str, location: Option<&Location>) {
    let front = Front::current().filter(Front::is_cell_thread);
    let told = front.is_some_and(|front| front.send(&message(reason, location)).is_ok());
    if !told {
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

/// The result of some work, or the reason for which it panicked.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let before = CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(before);
    result.map_err(|panic| reason(panic.as_ref()))
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown reason");
    // tch unwraps inside its operators, so libtorch's message is an error's Debug text in quotes.
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
    fn libtorchs_message_is_told_without_its_frames() {
        let numbers = Tensor::from_slice(&[1.0, 2.0, 3.0]);
        let reason = catch(|| numbers.view([2, 2])).expect_err("three numbers are not four");
        assert_eq!(reason, "shape '[2, 2]' is invalid for input of size 3");
    }

    #[test]
    fn the_panic_of_a_cell_is_told_to_the_front() {
        let (stage, here) = (FakeFront::accepting(), Location::caller());
        stage.cell(|| tell("out of luck", Some(here)));
        stage.cell(|| tell("no place", None));
        stage.other_thread(|| tell("not the cell's", Some(here)));
        let told = json!({
            "kind": "error", "ename": "panic", "evalue": "out of luck",
            "line": here.line(), "column": here.column(), "file": file!(),
        });
        let placeless = json!({
            "kind": "error", "ename": "panic", "evalue": "no place",
            "line": null, "column": null, "file": null,
        });
        assert_eq!(stage.messages(), [told, placeless]);
    }

    #[test]
    fn other_panics_keep_their_words() {
        assert_eq!(
            catch(|| panic!("out of {}", "luck")).map(|()| 0),
            Err("out of luck".into())
        );
        assert_eq!(catch(|| panic!("plain")).map(|()| 0), Err("plain".into()));
        assert_eq!(catch(|| 5), Ok(5));
    }
}
