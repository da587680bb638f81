//! Output, input and ■ of a cell.
//!
//! - [`show`]: shows values anywhere in a cell's output, and replaces them
//! - [`mod@input`]: asks the user for a line of text
//! - [`interrupt`]: whether ■ was pressed, and how loops end then
//! - [`mod@progress_bar`]: a progress bar for a `for` loop
//! - `progress`: shows how far long work of this crate is
//! - `bar`: a progress bar as HTML and as text
//! - [`table`]: small tables
//! - `live`: a display that is updated while some work goes on
//! - `tensor`: how a tensor is shown
//! - [`board`]: shares solved exercises with the host of a workshop
//! - `panics`: shortens the messages of panics, and turns panics of tch into errors
//! - `front`: messages to the process between Jupyter and the kernel
//!
//! evcxr shows one value, at the end of a cell, and ends the whole process at ■. The workshop's kernel has
//! a process between Jupyter and evcxr, the front, which can do more. Without the front, everything here
//! does what evcxr can do.

pub(crate) mod bar;
pub mod board;
pub(crate) mod front;
pub mod input;
pub mod interrupt;
pub(crate) mod live;
pub(crate) mod panics;
pub(crate) mod progress;
pub mod progress_bar;
pub mod show;
pub mod table;
mod tensor;

pub use board::share_progress;
pub use input::input;
pub use interrupt::interrupted;
pub use progress_bar::{ProgressBar, progress_bar};
pub use show::{DisplayHandle, Show, display};
pub use table::Table;
