//! What modules that draw parts of pictures use.

pub(in crate::visualize) use super::area::{Area, Point, area, half_pixels};
pub(in crate::visualize) use super::canvas::{
    CHART_WIDTH, Canvas, GRID_WIDTH, MARGIN, PlacedImage, Stroke,
};
pub(in crate::visualize) use super::check::{ensure, ensure_finite, ensure_positive, ensure_some};
pub(in crate::visualize) use super::colour::{
    AXIS, BLUE, Colour, GRID, MUTED, PALE, VERMILLION, series, text_on,
};
pub(in crate::visualize) use super::figure::Figure;
pub(in crate::visualize) use super::numerals::{count, counted, fixed, percent, significant};
pub(in crate::visualize) use super::text::{self, LABEL, SMALL, Text};
pub(in crate::visualize) use crate::error::Result;
pub(in crate::visualize) use crate::language::{translate, translated};
