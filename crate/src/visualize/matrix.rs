//! A matrix: values in rows and columns.

use super::area::Area;
use super::canvas::PlacedImage;
use super::check::{ensure_dimensions, ensure_finite};
use super::colour_scale::Scale;
use crate::error::Result;

/// A matrix of values, such as a feature map or a kernel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// At least 1.
    pub rows: usize,
    /// At least 1.
    pub columns: usize,
    /// `rows` × `columns` finite values, row by row.
    pub values: Vec<f32>,
    /// The text below the matrix.
    pub caption: String,
}

impl Matrix {
    /// An error unless size and values fit together; `name` says which matrix it is.
    pub(super) fn check(&self, function: &'static str, name: &str) -> Result<()> {
        ensure_dimensions(function, name, (self.rows, self.columns), self.values.len())?;
        ensure_finite(function, name, self.numbers())
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().map(|&value| f64::from(value))
    }

    /// The matrix as coloured cells that fill `area`.
    pub(super) fn placed(&self, area: Area, scale: &Scale) -> PlacedImage {
        PlacedImage::new(area, (self.columns, self.rows), |column, row| {
            scale.colour(f64::from(self.values[row * self.columns + column]))
        })
    }
}
