//! The exercises' checks: what is right about an attempt, and what is not yet.
//!
//! One exercise, one file, named as the function that a notebook calls:
//!
//! - [`images_of_class`], [`pixel_histogram`]: notebook 2
//! - [`lenet_layers`], [`lenet`]: notebook 3, LeNet from the table
//! - [`training_step`], [`learning_rate`]: notebook 4
//! - [`save_and_load`]: notebook 5
//! - [`photograph`]: notebook 6, predict your own image
//! - [`grad_cam`]: notebook 7, Grad-CAM by hand
//!
//! A check runs the attempt on small data of its own, compares the result with what is right, and then
//! with what is often taken for it, so that it can name the mistake. It says what is wrong and where to
//! look, never the code. An attempt that panics or gives back an error gets a report, too.
//!
//! # Adding an exercise
//!
//! An exercise has a file, which needs about forty lines of code without its tests, a `mod` and a `pub use`
//! here, and its cells in the notebooks. `images_of_class.rs` is one to copy. In the file are:
//!
//! 1. `type Attempt`, the function that a participant writes: a plain `fn` type, since generics would be
//!    compiled anew in the notebook's cell.
//! 2. What is judged: the attempt's result, or a struct of it with what the attempt was called with.
//! 3. A `Case` of that type for each line that the report lists with a ✓: when it is right, that line, the
//!    frequent mistakes, of which the first that fits is reported, and the message if none of them fits.
//!    A mistake fits if the result is that of a frequent wrong function, or if it has some property.
//!    `mistake!` and `message!` take the texts in English and Japanese, as `translate!` does.
//! 4. The public function. It gives `Report::of` the exercise's name and title and a closure that calls the
//!    participant's function by `attempt` and hands the result to `Findings::check`, or the results of
//!    several calls to `Findings::check_each`.
//! 5. Tests: right attempts with `testing::assert_solved`, and with `testing::assert_problems` a table of
//!    wrong attempts and the messages that they must get.
//!
//! The modules `cases` (the runner), `tensors` (comparing them, and images to try attempts on) and `report` are
//! shared; they do not depend on any exercise.

mod cases;
mod grad_cam;
mod images_of_class;
mod learning_rate;
mod lenet;
mod lenet_layers;
mod photograph;
mod pixel_histogram;
mod report;
mod save_and_load;
mod tensors;
#[cfg(test)]
mod testing;
mod training_step;

pub use grad_cam::grad_cam;
pub use images_of_class::images_of_class;
pub use learning_rate::learning_rate;
pub use lenet::lenet;
pub use lenet_layers::lenet_layers;
pub use photograph::photograph;
pub use pixel_histogram::pixel_histogram;
pub use report::Report;
pub use save_and_load::save_and_load;
pub use training_step::training_step;
