//! Lines: cut into dashes, and their pixels.
//!
//! plotters 0.3.7 joins wide lines at sharp angles with spikes of any length, which would show
//! values that are not in the data; hence bitmaps get their lines from here, with round joins.

use super::canvas::Point;

/// The pieces of a line that are dashes; round caps of `width` are part of a dash's length.
pub(super) fn dashes(points: &[Point], (dash, gap): (f64, f64), width: f64) -> Vec<Vec<Point>> {
    let lengths = [(dash - width).max(0.1), gap + width];
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut in_gap, mut left) = (false, lengths[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let distance = (to.0 - from.0).hypot(to.1 - from.1);
            if distance <= left {
                left -= distance;
                if !in_gap {
                    piece.push(to);
                }
                break;
            }
            let share = left / distance;
            from = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            piece.push(from);
            if !in_gap {
                pieces.push(std::mem::take(&mut piece));
            }
            in_gap = !in_gap;
            left = lengths[usize::from(in_gap)];
        }
    }
    if !in_gap && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Calls `paint(x, y, coverage)` once for every pixel of the line; all numbers are in pixels.
///
/// A line of one point is a disc.
pub(super) fn rasterise(points: &[Point], width: f64, mut paint: impl FnMut(i32, i32, f64)) {
    let reach = width / 2.0 + 1.0;
    let bounds = |axis: fn(&Point) -> f64| {
        let values = || points.iter().map(axis);
        let low = values().fold(f64::INFINITY, f64::min) - reach;
        let high = values().fold(f64::NEG_INFINITY, f64::max) + reach;
        (low.floor(), (high - low).ceil() as usize + 2)
    };
    if points.is_empty() {
        return;
    }
    let (left, columns) = bounds(|point| point.0);
    let (top, rows) = bounds(|point| point.1);
    // The largest coverage by any segment: blending the segments one by one would darken the joins.
    let mut coverage = vec![0.0_f32; columns * rows];
    let disc = [points[0], points[0]];
    let line = if points.len() == 1 { &disc } else { points };
    for segment in line.windows(2) {
        let moved = |point: Point| (point.0 - left, point.1 - top);
        let (from, to) = (moved(segment[0]), moved(segment[1]));
        let y_start = (from.1.min(to.1) - reach).max(0.0) as usize;
        let y_end = ((from.1.max(to.1) + reach) as usize).min(rows - 1);
        for y in y_start..=y_end {
            let (x_start, x_end) = columns_near(from, to, y as f64 + 0.5, reach);
            for x in x_start..=x_end.min(columns - 1) {
                let centre = (x as f64 + 0.5, y as f64 + 0.5);
                let covered = (width / 2.0 + 0.5 - distance(centre, from, to)).clamp(0.0, 1.0);
                let cell = &mut coverage[y * columns + x];
                *cell = cell.max(covered as f32);
            }
        }
    }
    for (index, &covered) in coverage
        .iter()
        .enumerate()
        .filter(|(_, covered)| **covered > 0.0)
    {
        let x = left as i32 + (index % columns) as i32;
        let y = top as i32 + (index / columns) as i32;
        paint(x, y, f64::from(covered));
    }
}

/// The columns that the segment may touch in the row at `y`: a long slanted line is far from most.
fn columns_near(from: Point, to: Point, y: f64, reach: f64) -> (usize, usize) {
    let at = |y: f64| {
        let share = ((y - from.1) / (to.1 - from.1)).clamp(0.0, 1.0);
        if share.is_nan() {
            from.0
        } else {
            from.0 + (to.0 - from.0) * share
        }
    };
    let (mut low, mut high) = (at(y - reach), at(y + reach));
    if (to.1 - from.1).abs() < 1e-9 {
        (low, high) = (from.0, to.0);
    }
    let start = (low.min(high) - reach).max(0.0) as usize;
    (start, (low.max(high) + reach).max(0.0) as usize)
}

/// From a point to the nearest point of a segment.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = dx * dx + dy * dy;
    let along = (point.0 - from.0) * dx + (point.1 - from.1) * dy;
    let share = if square > 0.0 {
        (along / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point.0 - from.0 - share * dx).hypot(point.1 - from.1 - share * dy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn pixels(points: &[Point], width: f64) -> HashMap<(i32, i32), f64> {
        let mut pixels = HashMap::new();
        rasterise(points, width, |x, y, coverage| {
            assert!(
                pixels.insert((x, y), coverage).is_none(),
                "({x}, {y}) painted twice"
            );
        });
        pixels
    }

    #[test]
    fn a_level_line_between_pixel_rows_fills_whole_rows() {
        let pixels = pixels(&[(10.0, 5.0), (20.0, 5.0)], 2.0);
        for x in 10..20 {
            assert_eq!(pixels[&(x, 4)], 1.0);
            assert_eq!(pixels[&(x, 5)], 1.0);
            assert!(!pixels.contains_key(&(x, 3)) && !pixels.contains_key(&(x, 6)));
        }
    }

    #[test]
    fn a_sharp_turn_reaches_no_further_than_the_round_join() {
        let pixels = pixels(&[(0.0, 100.0), (5.0, 10.0), (10.0, 100.0)], 4.0);
        let top = pixels.keys().map(|&(_, y)| y).min();
        assert!(top >= Some(7), "{top:?}");
    }

    #[test]
    fn a_slanted_line_has_the_area_of_its_length_times_its_width() {
        let pixels = pixels(&[(3.0, 7.0), (303.0, 407.0)], 4.0);
        let area: f64 = pixels.values().sum();
        let with_round_caps = 500.0 * 4.0 + std::f64::consts::PI * 4.0;
        assert!((area - with_round_caps).abs() < 10.0, "{area}");
    }

    #[test]
    fn one_point_is_a_disc() {
        let area: f64 = pixels(&[(50.0, 50.0)], 20.0).values().sum();
        assert!((area - std::f64::consts::PI * 100.0).abs() < 3.0, "{area}");
    }

    #[test]
    fn dashes_and_gaps_alternate_around_corners() {
        let line = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let pieces = dashes(&line, (6.0, 3.0), 2.0);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 0.0), (4.0, 0.0)],
                vec![(9.0, 0.0), (10.0, 0.0), (10.0, 3.0)],
                vec![(10.0, 8.0), (10.0, 10.0)],
            ]
        );
    }
}
