//! What most modules that draw use.

pub(in crate::visualize) use super::area::{Area, Point, area, corners, whole_device_pixels};
pub(in crate::visualize) use super::canvas::{
    CHART_WIDTH, Canvas, GRID_WIDTH, MARGIN, PlacedImage, Stroke,
};
pub(in crate::visualize) use super::check::{
    ensure, ensure_finite, ensure_not_empty, ensure_positive,
};
pub(in crate::visualize) use super::colour::{
    AXIS, BLUE, Colour, GRID, LIGHT_BLUE, MUTED, VERMILLION, series_colour, text_on,
};
pub(in crate::visualize) use super::figure::Figure;
pub(in crate::visualize) use super::number_format::{fixed, percent, significant, with_noun};
pub(in crate::visualize) use super::text::{self, LABEL, SMALL, Text};
pub(in crate::visualize) use crate::error::Result;
pub(in crate::visualize) use crate::language::{translate, translated};
pub(in crate::visualize) use crate::text::with_commas;
