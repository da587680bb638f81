//! Messages of the process that runs the cells. They come over the side channel.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::errors::{Failure, Place};

/// A message of the process that runs the cells.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CellMessage {
    /// A display, or the update of one.
    Display(Display),
    /// The error with which the running cell is about to fail.
    Error {
        /// The kind of error.
        ename: String,
        /// Its message.
        evalue: String,
        /// The file in which it has occurred.
        file: Option<String>,
        /// Counted from 1.
        line: Option<usize>,
        /// Counted from 1.
        column: Option<usize>,
    },
}

/// Something to show: the content of a `display_data` or `update_display_data` message.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Display {
    /// The number of the marker that says where in the cell's output it is shown. Without a number, it is
    /// shown at once.
    pub number: Option<u64>,
    /// Whether it replaces an earlier display with the same id.
    #[serde(default)]
    pub update: bool,
    /// Jupyter's `display_id`. Empty if it cannot be updated.
    #[serde(default)]
    pub id: String,
    /// Contents by MIME type.
    pub data: Map<String, Value>,
    /// Jupyter's metadata of a display.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl CellMessage {
    /// The failure that an error message describes.
    pub fn into_failure(self) -> Option<Failure> {
        let Self::Error {
            ename,
            evalue,
            file,
            line,
            column,
        } = self
        else {
            return None;
        };
        let place = file.zip(line).map(|(file, line)| Place {
            file,
            line,
            column: column.unwrap_or(1),
        });
        Some(Failure {
            name: ename,
            message: evalue,
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let text =
            r#"{"kind":"display","number":7,"update":false,"id":"a","data":{"text/plain":"x"}}"#;
        let CellMessage::Display(display) = serde_json::from_str(text).unwrap() else {
            panic!("a display");
        };
        assert_eq!((display.number, display.update), (Some(7), false));
        assert_eq!(display.data["text/plain"], "x");
        let text = r#"{"kind":"error","ename":"panic","evalue":"no","line":3,"column":null,"file":"src/lib.rs"}"#;
        let failure = serde_json::from_str::<CellMessage>(text)
            .unwrap()
            .into_failure()
            .unwrap();
        assert_eq!(failure.message, "no");
        assert_eq!(failure.place.unwrap().line, 3);
        assert!(serde_json::from_str::<CellMessage>("{\"kind\":\"dance\"}").is_err());
    }
}
