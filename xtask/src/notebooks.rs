//! The workshop's notebooks: where they are, what is in them, and executing them.
//!
//! From the bottom up: `json` and `list`, then `exercises`, then `committed`, `translations` and `execute`.

mod committed;
pub(crate) mod execute;
mod exercises;
mod json;
mod list;
pub(crate) mod translations;

pub(crate) use committed::{check_all, strip};
pub(crate) use json::{cell, cells, read, text};
pub(crate) use list::{ENGLISH, LANGUAGES, OTHERS, all, cuda, failing, find, of_language, passing};
