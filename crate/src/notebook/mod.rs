//! What a cell and its notebook say to each other.
//!
//! - [`show`]: values show themselves, anywhere in a cell, and are replaced in place
//! - [`mod@input`]: a question to whoever sits before the notebook
//! - [`interrupt`]: whether ■ was pressed, and how loops end then
//! - [`progress`]: how far some work is
//! - [`table`]: small tables
//! - `live`: a display that follows some work, drawn beside it
//! - `tensor`: how a tensor shows itself
//! - [`board`]: what a hub may show of one's exercises
//! - `front`: the way to the process between Jupyter and the kernel
//!
//! The kernel by itself shows a value once, at the end of a cell, and ends the whole process at ■.
//! The workshop's kernel has a process before it, the front, which can do more; without it,
//! everything here does what the kernel by itself can do.

pub mod board;
pub(crate) mod front;
pub mod input;
pub mod interrupt;
pub(crate) mod live;
pub mod progress;
pub mod show;
pub mod table;
mod tensor;

pub use board::share_progress;
pub use input::input;
pub use interrupt::interrupted;
pub use progress::{ProgressBar, progress_bar};
pub use show::{DisplayHandle, Show, display};
pub use table::Table;
