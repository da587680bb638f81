//! Checks of the input. Their messages say what to change.

use crate::error::{Error, Result};

/// The largest magnitude that is drawn. Below it, squares and differences of values are finite.
const MAX_MAGNITUDE: f64 = 1e100;

/// An error of `function` unless `condition` holds; only then is `problem` called.
pub(super) fn ensure(
    condition: bool,
    function: &'static str,
    problem: impl FnOnce() -> String,
) -> Result<()> {
    if condition {
        return Ok(());
    }
    let problem = problem();
    Err(Error::Picture { function, problem })
}

/// An error if there are no `things`.
pub(super) fn ensure_not_empty<T>(function: &'static str, things: &str, given: &[T]) -> Result<()> {
    ensure(!given.is_empty(), function, || {
        format!("there are no {things}; give at least one")
    })
}

/// An error for a setting that is 0.
pub(super) fn ensure_positive(
    function: &'static str,
    name: &str,
    number: Option<usize>,
) -> Result<()> {
    ensure(number != Some(0), function, || {
        format!("{name} is 0; give at least 1, or None")
    })
}

/// An error for the first value that is NaN, infinite or beyond ±1e100.
pub(super) fn ensure_finite(
    function: &'static str,
    what: &str,
    values: impl IntoIterator<Item = f64>,
) -> Result<()> {
    let mut values = values.into_iter().enumerate();
    values.try_for_each(|(index, value)| {
        ensure(value.abs() <= MAX_MAGNITUDE, function, || {
            format!(
                "{what}: the value at index {index} is {value}; only finite numbers up to ±10¹⁰⁰ can be drawn"
            )
        })
    })
}

/// An error unless there are `rows` × `columns` values and at least one.
pub(super) fn ensure_dimensions(
    function: &'static str,
    what: &str,
    (rows, columns): (usize, usize),
    number: usize,
) -> Result<()> {
    ensure(rows > 0 && columns > 0, function, || {
        format!("{what} has {rows} rows and {columns} columns; both must be at least 1")
    })?;
    ensure(rows.checked_mul(columns) == Some(number), function, || {
        format!("{what} has {number} values; {rows} × {columns} are needed (rows × columns)")
    })
}

/// The class names as owned text; an error if there are none.
pub(super) fn class_names(
    function: &'static str,
    names: &[impl AsRef<str>],
) -> Result<Vec<String>> {
    ensure(!names.is_empty(), function, || {
        "there are no class names; give one name per class".to_owned()
    })?;
    Ok(names.iter().map(|name| name.as_ref().to_owned()).collect())
}
