//! What modules that draw parts of pictures use.

pub(super) use super::area::{Area, Point, area, half_pixels};
pub(super) use super::canvas::{CHART_WIDTH, Canvas, GRID_WIDTH, MARGIN, PlacedImage, Stroke};
pub(super) use super::check::{ensure, ensure_finite, ensure_positive, ensure_some};
pub(super) use super::colour::{AXIS, BLUE, GRID, PALE, VERMILLION, series, text_on};
pub(super) use super::figure::Figure;
pub(super) use super::numerals::{count, counted, fixed, percent, significant};
pub(super) use super::text::{self, LABEL, SMALL, Text};
pub(super) use crate::error::Result;
pub(super) use crate::language::{translate, translated};
