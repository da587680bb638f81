//! The panel that learning curves and line plots share: axes, lines with markers, a legend.

use super::axis::Axis;
use super::canvas::{Area, Canvas, LABEL, Point, SMALL, Stroke};
use super::colour::{AXIS, Colour, GRID, INK, MUTED, PALE, VERMILLION, darkened, series};
use super::text::{self, Align, Text};

/// More markers than this would hide the line.
const MOST_MARKERS: usize = 40;
/// A line through more points than this is reduced to the lowest and highest of each pixel column.
const MOST_POINTS: usize = 2_000;
/// The opacity of an area below a line: grid lines and other areas show through.
const SHADE: f64 = 0.13;
const LEGEND_ROW: f64 = 20.0;
const LEGEND_SAMPLE: f64 = 30.0;
const LEGEND_GAP: f64 = 18.0;

/// The four marks and dashes that tell lines apart without colour.
const DASHES: [Option<(f64, f64)>; 4] =
    [None, Some((7.0, 4.0)), Some((2.5, 3.0)), Some((11.0, 4.0))];

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// In the colour, dash and marker of its index among the lines.
    Series,
    /// Faint, without markers, behind the others.
    Raw,
    /// Thin, without markers, behind the series.
    Smoothed,
}

/// One line.
pub(super) struct Line {
    pub(super) manner: Manner,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// Stands at the right of the last point.
    pub(super) end_label: Option<String>,
}

/// A panel with axes.
pub(super) struct LineChart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_title: String,
    pub(super) y_title: String,
    pub(super) lines: Vec<Line>,
    /// Whether the area between each line and y = 0 is shaded.
    pub(super) shaded: bool,
    /// An x at which something happened, in words.
    pub(super) mark: Option<(f64, String)>,
}

impl LineChart {
    /// Draws the panel into `area`, legend included.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = self.plot_area(area);
        self.draw_titles(canvas, area, plot);
        self.draw_grid(canvas, plot);
        if self.shaded {
            self.draw_areas(canvas, plot);
        }
        for manner in [Manner::Raw, Manner::Smoothed, Manner::Series] {
            for (index, line) in self.lines.iter().enumerate() {
                if line.manner == manner {
                    draw_line(canvas, &self.positions(line, plot), index, manner);
                }
            }
        }
        self.draw_mark(canvas, plot);
        self.draw_end_labels(canvas, plot);
        self.draw_legend(canvas, area);
    }

    /// The height of the legend in a panel of this width.
    pub(super) fn legend_height(&self, width: f64) -> f64 {
        let rows = self.legend_rows(width).last().map_or(0, |(row, _)| row + 1);
        rows as f64 * LEGEND_ROW
    }

    fn plot_area(&self, area: Area) -> Area {
        let title = if self.title.is_empty() { 0.0 } else { 22.0 };
        let top = area.y + title + self.legend_height(area.width) + 8.0;
        let left = area.x
            + 26.0
            + text::widest(self.y.ticks.iter().map(|tick| tick.label.as_str()), SMALL);
        let end_labels = text::widest(
            self.lines
                .iter()
                .filter_map(|line| line.end_label.as_deref()),
            SMALL,
        );
        let last_label = self
            .x
            .ticks
            .last()
            .map_or(0.0, |tick| text::width(&tick.label, SMALL, false));
        let right = area.right() - (end_labels + 10.0).max(last_label / 2.0 + 2.0);
        let bottom = area.bottom() - 42.0;
        Area::new(
            left,
            top,
            (right - left).max(10.0),
            (bottom - top).max(10.0),
        )
    }

    fn positions(&self, line: &Line, plot: Area) -> Vec<Point> {
        let place = |&(x, y): &Point| {
            (
                plot.x + self.x.position(x) * plot.width,
                plot.bottom() - self.y.position(y) * plot.height,
            )
        };
        line.points.iter().map(place).collect()
    }

    fn draw_areas(&self, canvas: &mut Canvas, plot: Area) {
        let zero = plot.bottom() - self.y.position(0.0) * plot.height;
        for (index, line) in self.lines.iter().enumerate() {
            let mut points = reduced(&self.positions(line, plot));
            let ends = points.first().copied().zip(points.last().copied());
            if let Some((first, last)) = ends {
                points.extend([(last.0, zero), (first.0, zero)]);
                canvas.translucent_polygon(points, series(index), SHADE);
            }
        }
    }

    fn draw_titles(&self, canvas: &mut Canvas, area: Area, plot: Area) {
        if !self.title.is_empty() {
            canvas.text(Text::new(&self.title, (area.x, area.y + 13.0), 13.5).bold(true));
        }
        let below = (plot.centre().0, area.bottom() - 4.0);
        canvas.text(
            Text::new(&self.x_title, below, LABEL)
                .colour(MUTED)
                .align(Align::Centre),
        );
        let beside = (area.x + 11.0, plot.centre().1);
        canvas.text(
            Text::new(&self.y_title, beside, LABEL)
                .colour(MUTED)
                .align(Align::Centre)
                .upward(),
        );
    }

    fn draw_grid(&self, canvas: &mut Canvas, plot: Area) {
        for tick in &self.y.ticks {
            let y = plot.bottom() - self.y.position(tick.value) * plot.height;
            canvas.line(
                vec![(plot.x, y), (plot.right(), y)],
                Stroke::solid(GRID, 1.0),
            );
            canvas.text(
                Text::new(&tick.label, (plot.x - 7.0, y), SMALL)
                    .colour(MUTED)
                    .align(Align::Right)
                    .middle(),
            );
        }
        for tick in &self.x.ticks {
            let x = plot.x + self.x.position(tick.value) * plot.width;
            canvas.line(
                vec![(x, plot.bottom()), (x, plot.bottom() + 4.0)],
                Stroke::solid(AXIS, 1.0),
            );
            canvas.text(
                Text::new(&tick.label, (x, plot.bottom() + 17.0), SMALL)
                    .colour(MUTED)
                    .align(Align::Centre),
            );
        }
        canvas.line(
            vec![(plot.x, plot.bottom()), (plot.right(), plot.bottom())],
            Stroke::solid(AXIS, 1.0),
        );
    }

    fn draw_mark(&self, canvas: &mut Canvas, plot: Area) {
        let Some((x, words)) = &self.mark else {
            return;
        };
        let x = plot.x + self.x.position(*x) * plot.width;
        let stroke = Stroke {
            dash: Some((4.0, 3.0)),
            ..Stroke::solid(VERMILLION, 1.5)
        };
        canvas.line(vec![(x, plot.y), (x, plot.bottom())], stroke);
        // Where there is more room.
        let (at, align) = match x > plot.centre().0 {
            true => (x - 6.0, Align::Right),
            false => (x + 6.0, Align::Left),
        };
        canvas.text(
            Text::new(words, (at, plot.centre().1), SMALL)
                .colour(darkened(VERMILLION))
                .bold(true)
                .align(align)
                .middle(),
        );
    }

    fn draw_end_labels(&self, canvas: &mut Canvas, plot: Area) {
        let mut labels: Vec<(f64, f64, &str, Colour)> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let end = self.positions(line, plot).last().copied();
            if let (Some((x, y)), Some(label)) = (end, line.end_label.as_deref()) {
                let colour = match line.manner {
                    Manner::Series => darkened(series(index)),
                    Manner::Raw | Manner::Smoothed => MUTED,
                };
                labels.push((x, y, label, colour));
            }
        }
        labels.sort_by(|one, other| one.1.total_cmp(&other.1));
        let heights: Vec<f64> = labels.iter().map(|label| label.1).collect();
        let heights = apart(&heights, plot.bottom());
        for ((x, _, label, colour), y) in labels.into_iter().zip(heights) {
            canvas.text(
                Text::new(label, (x + 8.0, y), SMALL)
                    .colour(colour)
                    .bold(true)
                    .middle(),
            );
        }
    }

    /// The row and the x offset of each entry of the legend.
    fn legend_rows(&self, width: f64) -> Vec<(usize, f64)> {
        let (mut row, mut x) = (0, 0.0);
        let mut places = Vec::with_capacity(self.lines.len());
        for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
            let entry = LEGEND_SAMPLE + 6.0 + text::width(&line.name, SMALL, false);
            if x > 0.0 && x + entry > width {
                (row, x) = (row + 1, 0.0);
            }
            places.push((row, x));
            x += entry + LEGEND_GAP;
        }
        places
    }

    fn draw_legend(&self, canvas: &mut Canvas, area: Area) {
        let top = area.y + if self.title.is_empty() { 0.0 } else { 22.0 };
        let named = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.name.is_empty());
        for ((index, line), (row, x)) in named.zip(self.legend_rows(area.width)) {
            let y = top + row as f64 * LEGEND_ROW + LEGEND_ROW / 2.0;
            let x = area.x + x;
            let sample = vec![(x, y), (x + LEGEND_SAMPLE, y)];
            canvas.line(sample, stroke(index, line.manner));
            if line.manner == Manner::Series {
                draw_marker(canvas, (x + LEGEND_SAMPLE / 2.0, y), index);
            }
            let limit = area.width - LEGEND_SAMPLE - 6.0;
            let name = text::shortened(&line.name, SMALL, false, limit);
            canvas.text(
                Text::new(&name, (x + LEGEND_SAMPLE + 6.0, y), SMALL)
                    .colour(INK)
                    .middle(),
            );
        }
    }
}

/// Sorted heights moved a line of text apart, none of them below `lowest` by that: down where
/// there is room, up where the labels of the x-axis would be met.
fn apart(heights: &[f64], lowest: f64) -> Vec<f64> {
    let line = SMALL + 2.0;
    let mut placed = heights.to_vec();
    for index in 1..placed.len() {
        placed[index] = placed[index].max(placed[index - 1] + line);
    }
    let mut room_until = lowest.max(heights.last().copied().unwrap_or(lowest));
    for height in placed.iter_mut().rev() {
        *height = height.min(room_until);
        room_until = *height - line;
    }
    placed
}

fn stroke(index: usize, manner: Manner) -> Stroke {
    match manner {
        Manner::Series => Stroke {
            colour: series(index),
            width: 2.0,
            dash: DASHES[index % DASHES.len()],
        },
        Manner::Raw => Stroke::solid(PALE, 1.0),
        Manner::Smoothed => Stroke::solid(MUTED, 1.5),
    }
}

fn draw_line(canvas: &mut Canvas, points: &[Point], index: usize, manner: Manner) {
    if points.len() > 1 {
        let mut stroke = stroke(index, manner);
        let line = reduced(points);
        if manner == Manner::Series && is_jagged(&line) {
            stroke.dash = None;
            stroke.width = 1.0;
        }
        canvas.line(line, stroke);
    }
    if manner == Manner::Series && points.len() <= MOST_MARKERS {
        for &point in points {
            draw_marker(canvas, point, index);
        }
    }
}

/// Whether a line goes up and down so often that wide strokes and dashes would run together.
fn is_jagged(line: &[Point]) -> bool {
    let climb: f64 = line
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1).abs())
        .sum();
    line.len() > MOST_MARKERS && climb > 4_000.0
}

fn draw_marker(canvas: &mut Canvas, (x, y): Point, index: usize) {
    let colour = series(index);
    match index % 4 {
        0 => canvas.disc((x, y), 4.0, colour),
        1 => canvas.rectangle(Area::new(x - 3.5, y - 3.5, 7.0, 7.0), colour),
        2 => canvas.polygon(
            vec![(x, y - 5.0), (x + 5.0, y + 4.0), (x - 5.0, y + 4.0)],
            colour,
        ),
        _ => canvas.polygon(
            vec![(x, y - 5.5), (x + 5.0, y), (x, y + 5.5), (x - 5.0, y)],
            colour,
        ),
    }
}

/// The same line with no more than four points in each pixel column: first, lowest, highest, last.
fn reduced(points: &[Point]) -> Vec<Point> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let same_column = |one: &Point, other: &Point| one.0.round() == other.0.round();
    let mut line = Vec::new();
    for column in points.chunk_by(same_column) {
        let mut extremes = [0, column.len() - 1, 0, column.len() - 1];
        for (index, point) in column.iter().enumerate() {
            if point.1 < column[extremes[2]].1 {
                extremes[2] = index;
            }
            if point.1 > column[extremes[3]].1 {
                extremes[3] = index;
            }
        }
        extremes.sort_unstable();
        for (index, &kept) in extremes.iter().enumerate() {
            if index == 0 || kept != extremes[index - 1] {
                line.push(column[kept]);
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_extremes() {
        let mut points: Vec<Point> = (0..100_000)
            .map(|x| (f64::from(x) / 1000.0, 50.0))
            .collect();
        points[40_123].1 = -7.0;
        points[70_456].1 = 99.0;
        let line = reduced(&points);
        assert!(line.len() < 500);
        assert!(line.contains(&points[40_123]) && line.contains(&points[70_456]));
        assert_eq!((line.first(), line.last()), (points.first(), points.last()));
        assert!(line.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_short_line_is_kept() {
        let points = vec![(0.0, 1.0), (0.1, 2.0), (0.2, 1.5)];
        assert_eq!(reduced(&points), points);
    }

    #[test]
    fn end_labels_stand_apart_and_above_the_axis() {
        let line = SMALL + 2.0;
        assert_eq!(apart(&[10.0, 90.0], 100.0), [10.0, 90.0]);
        assert_eq!(apart(&[10.0, 11.0], 100.0), [10.0, 10.0 + line]);
        assert_eq!(apart(&[99.0, 100.0], 100.0), [100.0 - line, 100.0]);
        let three = [100.0 - 2.0 * line, 100.0 - line, 100.0];
        assert_eq!(apart(&[97.0, 98.0, 99.0], 100.0), three);
        assert_eq!(apart(&[], 100.0), [0.0; 0]);
    }
}
