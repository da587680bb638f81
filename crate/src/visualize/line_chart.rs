//! The line chart of learning curves and line plots.
//!
//! plotters draws axes, grid lines and lines. Its legend is a box over the lines and its series have no labels at their
//! ends, so these are drawn here.

use super::axis::{Axis, min_max};
use super::canvas::PlottersResult;
use super::chart::{BaseAxis, Chart, PlotArea, draw_chart};
use super::colour::{MUTED, darkened};
use super::legend::Legend;
use super::prelude::*;
use plotters::element::DashedPathElement;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::Color as _;

/// A line with more points than this has no markers, which would hide it.
const MAX_MARKERS: usize = 40;
/// A line that goes up and down by more than this multiple of the chart's height is thin and solid, since wide strokes
/// and dashes would run together.
const MAX_CLIMB: f64 = 15.0;
/// A line through more points than this is reduced to its extremes, which looks the same.
const MAX_POINTS: usize = 1_000;
/// The opacity of an area below a line. Grid lines and other areas are visible through it.
const AREA_OPACITY: f64 = 0.13;
const TITLE_HEIGHT: f64 = 22.0;
const LEGEND_SAMPLE: f64 = 30.0;

/// With the four markers, these dashes distinguish lines without colour.
const DASHES: [Option<(f64, f64)>; 4] =
    [None, Some((7.0, 4.0)), Some((2.5, 3.0)), Some((11.0, 4.0))];

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// With the colour, dash and marker of its index.
    Series,
    /// Light, without markers, behind the others.
    Raw,
    /// Thin, without markers, behind the series.
    Smoothed,
}

/// One line.
pub(super) struct Line {
    pub(super) kind: LineKind,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// The text at the right of the last point.
    pub(super) end_label: Option<String>,
}

impl Line {
    pub(super) fn new(kind: LineKind, name: &str, points: Vec<Point>) -> Line {
        Line {
            kind,
            name: name.to_owned(),
            points,
            end_label: None,
        }
    }

    fn has_markers(&self) -> bool {
        self.kind == LineKind::Series && self.points.len() <= MAX_MARKERS
    }

    /// The stroke of the line with this index.
    fn stroke(&self, index: usize) -> Stroke {
        match self.kind {
            LineKind::Series => Stroke {
                dash: DASHES[index % DASHES.len()],
                ..Stroke::solid(series_colour(index), 2.0)
            },
            LineKind::Raw => Stroke::solid(LIGHT_BLUE, 1.0),
            LineKind::Smoothed => Stroke::solid(MUTED, 1.5),
        }
    }
}

/// The lowest and the highest y of some lines; `None` if they have no points.
pub(super) fn y_range(lines: &[Line]) -> Option<(f64, f64)> {
    let points = lines.iter().flat_map(|line| &line.points);
    min_max(points.map(|point| point.1))
}

/// Lines on axes, with a legend.
pub(super) struct LineChart<'a> {
    pub(super) title: &'a str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_title: &'a str,
    pub(super) y_title: &'a str,
    pub(super) lines: Vec<Line>,
    /// Whether the area between each line and y = 0 is shaded.
    pub(super) shaded: bool,
    /// An x at which something happened, and what.
    pub(super) mark: Option<(f64, String)>,
}

impl<'a> LineChart<'a> {
    /// Lines on axes with these titles.
    pub(super) fn new(
        (x, x_title): (Axis, &'a str),
        (y, y_title): (Axis, &'a str),
        lines: Vec<Line>,
    ) -> LineChart<'a> {
        LineChart {
            title: "",
            x,
            y,
            x_title,
            y_title,
            lines,
            shaded: false,
            mark: None,
        }
    }

    /// A picture of only this chart; `height` is that of the chart without its legend.
    pub(super) fn figure(
        &self,
        function: &'static str,
        title: &str,
        height: f64,
        alt_text: &str,
    ) -> Result<Figure> {
        let width = CHART_WIDTH - 2.0 * MARGIN;
        let height = height + self.legend(width).height;
        let (titles, size) = ((title, ""), (CHART_WIDTH, height));
        Figure::draw(function, titles, size, alt_text, |canvas, top| {
            self.draw(canvas, area((MARGIN, top), (width, height)));
        })
    }

    /// Draws the chart with its legend into `area`.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        canvas.text(Text::new(self.title, (area.x0, area.y0 + 13.0), 13.5).bold(true));
        let title = if self.title.is_empty() {
            0.0
        } else {
            TITLE_HEIGHT
        };
        let legend = self.legend(area.width());
        let (top, left) = (title + legend.height + 8.0, 26.0 + self.y.max_label_width());
        let margins = [top, self.end_label_width(), 42.0, left];
        let (x, y) = ((&self.x, self.x_title), (&self.y, self.y_title));
        let plot = draw_chart(canvas, area, margins, BaseAxis::X, x, y, |chart| {
            self.draw_lines(chart)
        });
        let lines = self.lines.iter().enumerate();
        for (index, line) in lines.filter(|(_, line)| line.has_markers()) {
            for &(x, y) in &line.points {
                draw_marker(canvas, plot.position(x, y), index);
            }
        }
        self.draw_mark(canvas, &plot);
        self.draw_end_labels(canvas, &plot);
        let corner = (area.x0, area.y0 + title);
        legend.draw(canvas, corner, |canvas, index, (x, y)| {
            let line = &self.lines[index];
            canvas.line([(x, y), (x + LEGEND_SAMPLE, y)], line.stroke(index));
            if line.kind == LineKind::Series {
                draw_marker(canvas, (x + LEGEND_SAMPLE / 2.0, y), index);
            }
        });
    }

    fn draw_lines(&self, chart: &mut Chart) -> PlottersResult<()> {
        for kind in [LineKind::Raw, LineKind::Smoothed, LineKind::Series] {
            let lines = self.lines.iter().enumerate();
            for (index, line) in lines.filter(|(_, line)| line.kind == kind) {
                let points = downsampled(&line.points, MAX_POINTS);
                let coordinates = |&(x, y): &Point| (self.x.coordinate(x), self.y.coordinate(y));
                let coordinates: Vec<Point> = points.iter().map(coordinates).collect();
                if self.shaded {
                    let shade = series_colour(index).mix(AREA_OPACITY);
                    chart.draw_series(AreaSeries::new(coordinates.clone(), 0.0, shade))?;
                }
                let mut stroke = line.stroke(index);
                let height = |point: &Point| self.y.fraction(point.1);
                let climbs = points
                    .windows(2)
                    .map(|ends| (height(&ends[1]) - height(&ends[0])).abs());
                if climbs.sum::<f64>() > MAX_CLIMB && kind == LineKind::Series {
                    stroke = Stroke::solid(stroke.colour, 1.0);
                }
                let style = stroke.style();
                match stroke.dash.map(|dash| stroke.device_dash(dash)) {
                    _ if coordinates.len() < 2 => continue,
                    None => chart.draw_series(LineSeries::new(coordinates, style))?,
                    Some((dash, gap)) => chart.draw_series([DashedPathElement::new(
                        coordinates,
                        dash,
                        gap,
                        style,
                    )])?,
                };
            }
        }
        Ok(())
    }

    /// The space at the right, also for half of the last label of the x axis.
    fn end_label_width(&self) -> f64 {
        let labels = self.lines.iter().filter_map(|line| line.end_label.as_ref());
        let last = self.x.ticks().pop();
        let half = last.map_or(0.0, |(_, label)| text::width(&label, SMALL, false) / 2.0);
        (text::max_width(labels, SMALL) + 10.0).max(half + 2.0)
    }

    fn draw_mark(&self, canvas: &mut Canvas, plot: &PlotArea) {
        let Some((x, words)) = &self.mark else {
            return;
        };
        let (x, plot) = (plot.position(*x, 0.0).0, plot.area);
        let stroke = Stroke::solid(VERMILLION, 1.5).dashed(4.0, 3.0);
        canvas.line([(x, plot.y0), (x, plot.y1)], stroke);
        let words = |x| Text::new(words, (x, plot.center().y), SMALL);
        // On the side with more space.
        let words = match x > plot.center().x {
            true => words(x - 6.0).right_aligned(),
            false => words(x + 6.0),
        };
        canvas.text(
            words
                .colour(darkened(VERMILLION))
                .bold(true)
                .vertically_centred(),
        );
    }

    fn draw_end_labels(&self, canvas: &mut Canvas, plot: &PlotArea) {
        let labels = self.lines.iter().enumerate().filter_map(|(index, line)| {
            let colour = match line.kind {
                LineKind::Series => darkened(series_colour(index)),
                LineKind::Raw | LineKind::Smoothed => MUTED,
            };
            let &(x, y) = line.points.last()?;
            Some((plot.position(x, y), line.end_label.as_ref()?, colour))
        });
        let mut labels: Vec<_> = labels.collect();
        labels.sort_by(|((_, one), ..), ((_, other), ..)| one.total_cmp(other));
        let positions: Vec<f64> = labels.iter().map(|((_, y), ..)| *y).collect();
        let positions = separate_labels(&positions, plot.area.y1);
        for (((x, _), label, colour), y) in labels.into_iter().zip(positions) {
            let label = Text::new(label, (x + 8.0, y), SMALL).colour(colour);
            canvas.text(label.bold(true).vertically_centred());
        }
    }

    fn legend(&self, width: f64) -> Legend<'_> {
        let names = self.lines.iter().map(|line| line.name.as_str());
        Legend::new(names, LEGEND_SAMPLE, width)
    }
}

/// Sorted y positions of labels, moved so far that no two overlap: down where there is space, else up, so that no label
/// gets below `lowest` by that.
fn separate_labels(positions: &[f64], lowest: f64) -> Vec<f64> {
    let line = SMALL + 2.0;
    let mut placed = positions.to_vec();
    for index in 1..placed.len() {
        placed[index] = placed[index].max(placed[index - 1] + line);
    }
    let mut limit = lowest.max(positions.last().copied().unwrap_or(lowest));
    for position in placed.iter_mut().rev() {
        *position = position.min(limit);
        limit = *position - line;
    }
    placed
}

/// All points, or of many points the lowest and the highest of each group, which look the same in a picture.
pub(super) fn downsampled(points: &[Point], max_points: usize) -> Vec<Point> {
    if points.len() <= max_points {
        return points.to_vec();
    }
    let group = (2 * points.len()).div_ceil(max_points);
    points.chunks(group).flat_map(extremes).collect()
}

/// The lowest and the highest of some points, in their order.
fn extremes(points: &[Point]) -> Vec<Point> {
    let by_value = |one: &&Point, other: &&Point| one.1.total_cmp(&other.1);
    let lowest = points.iter().min_by(by_value);
    let highest = points.iter().max_by(by_value);
    let mut found: Vec<Point> = lowest.into_iter().chain(highest).copied().collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    found.dedup();
    found
}

fn draw_marker(canvas: &mut Canvas, (x, y): Point, index: usize) {
    let colour = series_colour(index);
    let triangle = [(x, y - 5.0), (x + 5.0, y + 4.0), (x - 5.0, y + 4.0)];
    let rhombus = [(x, y - 5.5), (x + 5.0, y), (x, y + 5.5), (x - 5.0, y)];
    match index % 4 {
        0 => canvas.disc((x, y), 4.0, colour),
        1 => canvas.rectangle(area((x - 3.5, y - 3.5), (7.0, 7.0)), colour),
        2 => canvas.polygon(triangle, colour),
        _ => canvas.polygon(rhombus, colour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_labels_do_not_overlap_and_are_above_the_axis() {
        let line = SMALL + 2.0;
        assert_eq!(separate_labels(&[10.0, 90.0], 100.0), [10.0, 90.0]);
        assert_eq!(separate_labels(&[10.0, 11.0], 100.0), [10.0, 10.0 + line]);
        assert_eq!(
            separate_labels(&[99.0, 100.0], 100.0),
            [100.0 - line, 100.0]
        );
        let three = [100.0 - 2.0 * line, 100.0 - line, 100.0];
        assert_eq!(separate_labels(&[97.0, 98.0, 99.0], 100.0), three);
        assert_eq!(separate_labels(&[], 100.0), [0.0; 0]);
    }
}
