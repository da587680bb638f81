//! A notebook's file, which is JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// The file as Jupyter writes it, so that saving in JupyterLab changes nothing.
pub(crate) fn to_bytes(notebook: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    notebook.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a notebook's file.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a notebook", path.display()))
}

/// A text of a notebook, which is a string or a list of lines.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// The cells of a notebook.
pub(crate) fn cells(notebook: &Value) -> &[Value] {
    notebook["cells"].as_array().map_or(&[], Vec::as_slice)
}

/// The cell with an id.
pub(crate) fn cell<'notebook>(notebook: &'notebook Value, id: &str) -> Option<&'notebook Value> {
    cells(notebook).iter().find(|cell| cell["id"] == id)
}
