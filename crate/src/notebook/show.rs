//! Shows values in a notebook: as the result of a cell, anywhere in its output, and in place of others.

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::front::{Front, marker, unique_number};
use crate::error::{Result, without_frames};

/// A value in several formats, each a MIME type and the content, in base64 if it is binary. The notebook
/// shows the richest format that it supports.
pub type Representations = Vec<(&'static str, String)>;

/// A value that a notebook can show.
///
/// Implement one function for your own type:
///
/// ```
/// use gasshuku::notebook::{Show, show::Representations};
///
/// struct Temperature(f64);
///
/// impl Show for Temperature {
///     fn representations(&self) -> gasshuku::Result<Representations> {
///         let degrees = self.0;
///         Ok(vec![
///             ("text/html", format!("<b>{degrees} °C</b>")),
///             ("text/plain", format!("{degrees} °C")),
///         ])
///     }
/// }
///
/// Temperature(21.5).show();
/// ```
pub trait Show {
    /// The value in the formats in which a notebook can show it.
    ///
    /// # Errors
    /// Why the value cannot be shown. The notebook shows the error instead.
    fn representations(&self) -> Result<Representations>;

    /// Shows the value at this place of the cell's output.
    ///
    /// Without the workshop's kernel, only the last value of a cell is shown, at the end of its output.
    fn show(&self) {
        print_display(self.representations(), &DisplayId::new());
    }

    /// Shows the value as the cell's result; evcxr calls this for the last expression.
    fn evcxr_display(&self) {
        match self.representations() {
            Ok(representations) => print!("{}", result_output(Front::current(), &representations)),
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// The value; `None` where there is none.
impl<T: Show> Show for Option<T> {
    fn representations(&self) -> Result<Representations> {
        match self {
            Some(value) => value.representations(),
            None => Ok(vec![("text/plain", "None".into())]),
        }
    }
}

/// The value, or the error's message.
impl<T: Show, E: Display> Show for std::result::Result<T, E> {
    fn representations(&self) -> Result<Representations> {
        match self {
            Ok(value) => value.representations(),
            Err(error) => {
                let message = without_frames(&error.to_string());
                Ok(vec![("text/plain", format!("Err: {message}"))])
            }
        }
    }
}

/// Shows a value at this place of the cell's output. Another value can replace it later:
///
/// ```
/// use gasshuku::prelude::*;
/// let numbers = display(&Tensor::from_slice(&[1.0, 2.0]));
/// numbers.update(&Tensor::from_slice(&[3.0, 4.0]));
/// ```
///
/// See [`DisplayHandle`].
pub fn display(value: &dyn Show) -> DisplayHandle {
    let handle = DisplayHandle::new();
    handle.display(value);
    handle
}

/// A place in the notebook whose value can be replaced, as IPython's `DisplayHandle`.
///
/// Without the workshop's kernel, the first value stays.
#[derive(Clone, Debug)]
pub struct DisplayHandle {
    id: DisplayId,
}

impl Default for DisplayHandle {
    fn default() -> Self {
        DisplayHandle::new()
    }
}

impl DisplayHandle {
    /// A handle that shows nothing yet; call [`display`](DisplayHandle::display).
    pub fn new() -> DisplayHandle {
        DisplayHandle {
            id: DisplayId::new(),
        }
    }

    /// Shows a value at this place of the cell's output. If it is called at several places, updates
    /// change all of them.
    pub fn display(&self, value: &dyn Show) {
        print_display(value.representations(), &self.id);
    }

    /// Replaces the value, from any cell or thread. A picture takes some milliseconds, so a few updates
    /// a second are enough.
    pub fn update(&self, value: &dyn Show) {
        if let Some(front) = Front::current() {
            update_display(&front, &self.id, value.representations());
        }
    }

    /// Shows nothing: as the last expression of a cell, the handle has already shown its value.
    pub fn evcxr_display(&self) {}
}

/// Jupyter's `display_id` of a place in the notebook: updates refer to it.
#[derive(Clone, Debug)]
pub(super) struct DisplayId(String);

impl DisplayId {
    pub(super) fn new() -> DisplayId {
        DisplayId(format!(
            "gasshuku-{}-{}",
            std::process::id(),
            unique_number()
        ))
    }

    fn message(&self, values: &Representations, number: Option<u64>, is_update: bool) -> Value {
        let data: Map<String, Value> = values
            .iter()
            .map(|(mime, content)| (mime.to_string(), content.as_str().into()))
            .collect();
        let mut message = json!({
            "kind": "display",
            "update": is_update,
            "id": self.0,
            "data": data,
            "metadata": {},
        });
        if let Some(number) = number {
            message["number"] = number.into();
        }
        message
    }
}

/// Replaces the value of a display.
pub(super) fn update_display(front: &Front, id: &DisplayId, values: Result<Representations>) {
    match values {
        // If the front has ended, the last value stays.
        Ok(values) => drop(front.send(&id.message(&values, None, true))),
        Err(error) => eprintln!("{error}"),
    }
}

fn print_display(values: Result<Representations>, id: &DisplayId) {
    match values {
        Ok(values) => print!("{}", display_output(Front::current(), &values, id)),
        Err(error) => eprintln!("{error}"),
    }
}

/// The output that makes a value appear at this place.
pub(super) fn display_output(
    front: Option<Front>,
    values: &Representations,
    id: &DisplayId,
) -> String {
    let Some(front) = front else {
        return blocks(values);
    };
    // The output of other threads has no place in the output of the cell.
    let number = front.is_cell_thread().then(unique_number);
    match (front.send(&id.message(values, number, false)), number) {
        (Ok(()), Some(number)) => marker(&format!("display {number}")),
        (Ok(()), None) => String::new(),
        (Err(_), _) => result_output(Some(front), values),
    }
}

/// The output that makes a value the result of the cell.
fn result_output(front: Option<Front>, values: &Representations) -> String {
    // Without it, text before it on the same line would become part of the block.
    let flush = front.map(|_| marker("flush")).unwrap_or_default();
    flush + &blocks(values)
}

/// The blocks that evcxr reads. It keeps one block of each MIME type per cell.
pub(crate) fn blocks(values: &Representations) -> String {
    values
        .iter()
        .map(|(mime, content)| {
            let content = without_markers(content);
            format!("EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT\n")
        })
        .collect()
}

/// The content without text that evcxr or the front would read as their own markers. A class name may
/// contain them: it is the name of a folder, which may have line breaks.
fn without_markers(content: &str) -> Cow<'_, str> {
    if !content.contains(['\u{1}']) && !content.contains("EVCXR_") {
        return content.into();
    }
    let lines: Vec<Cow<str>> = content
        .split('\n')
        .map(|line| match line.starts_with("EVCXR_") {
            true => format!(" {line}").into(),
            false => line.into(),
        })
        .collect();
    lines.join("\n").replace('\u{1}', "\u{2401}").into()
}

#[cfg(test)]
mod tests;
