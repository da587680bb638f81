//! The panel that learning curves and line plots share: a chart of plotters, with what it does not have.
//!
//! plotters draws axes, mesh and lines. Its legend is a box on the lines and its series have no labels at
//! their ends, so these are drawn here.

use super::axis::{Axis, range};
use super::canvas::Drawn;
use super::chart::{Base, Chart, Plot, draw_chart};
use super::colour::{MUTED, darkened};
use super::legend::Legend;
use super::prelude::*;
use plotters::element::DashedPathElement;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::Color as _;

/// More markers than this would hide the line.
const MOST_MARKERS: usize = 40;
/// A line that goes up and down more than so many times the axis is thin and solid: wide strokes and dashes
/// would run together.
const MOST_CLIMB: f64 = 15.0;
/// A line through more points than this is reduced to its extremes, which look the same.
const MOST_POINTS: usize = 1_000;
/// The opacity of an area below a line: grid lines and other areas show through.
const SHADE: f64 = 0.13;
const TITLE_ROW: f64 = 22.0;
const LEGEND_SAMPLE: f64 = 30.0;

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

impl Line {
    pub(super) fn new(manner: Manner, name: &str, points: Vec<Point>) -> Line {
        Line {
            manner,
            name: name.to_owned(),
            points,
            end_label: None,
        }
    }

    fn has_markers(&self) -> bool {
        self.manner == Manner::Series && self.points.len() <= MOST_MARKERS
    }

    /// Its stroke, if it is the line with this index.
    fn stroke(&self, index: usize) -> Stroke {
        match self.manner {
            Manner::Series => Stroke {
                dash: DASHES[index % DASHES.len()],
                ..Stroke::solid(series(index), 2.0)
            },
            Manner::Raw => Stroke::solid(PALE, 1.0),
            Manner::Smoothed => Stroke::solid(MUTED, 1.5),
        }
    }
}

/// The lowest and the highest y of some lines, if they have any point.
pub(super) fn y_range(lines: &[Line]) -> Option<(f64, f64)> {
    let points = lines.iter().flat_map(|line| &line.points);
    range(points.map(|point| point.1))
}

/// A panel with axes.
pub(super) struct LineChart<'a> {
    pub(super) title: &'a str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_title: &'a str,
    pub(super) y_title: &'a str,
    pub(super) lines: Vec<Line>,
    /// Whether the area between each line and y = 0 is shaded.
    pub(super) shaded: bool,
    /// An x at which something happened, in words.
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

    /// A picture of this chart alone; `height` is that of the panel without its legend.
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

    /// Draws the panel into `area`, legend included.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        canvas.text(Text::new(self.title, (area.x0, area.y0 + 13.0), 13.5).bold(true));
        let title = if self.title.is_empty() {
            0.0
        } else {
            TITLE_ROW
        };
        let legend = self.legend(area.width());
        let (top, left) = (title + legend.height + 8.0, 26.0 + self.y.widest_label());
        let margins = [top, self.room_for_end_labels(), 42.0, left];
        let (x, y) = ((&self.x, self.x_title), (&self.y, self.y_title));
        let plot = draw_chart(canvas, area, margins, Base::X, x, y, |chart| {
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
            if line.manner == Manner::Series {
                draw_marker(canvas, (x + LEGEND_SAMPLE / 2.0, y), index);
            }
        });
    }

    fn draw_lines(&self, chart: &mut Chart) -> Drawn<()> {
        for manner in [Manner::Raw, Manner::Smoothed, Manner::Series] {
            let lines = self.lines.iter().enumerate();
            for (index, line) in lines.filter(|(_, line)| line.manner == manner) {
                let points = thinned(&line.points, MOST_POINTS);
                let place = |&(x, y): &Point| (self.x.place(x), self.y.place(y));
                let places: Vec<Point> = points.iter().map(place).collect();
                if self.shaded {
                    let shade = series(index).mix(SHADE);
                    chart.draw_series(AreaSeries::new(places.clone(), 0.0, shade))?;
                }
                let mut stroke = line.stroke(index);
                let height = |point: &Point| self.y.share(point.1);
                let climbs = points
                    .windows(2)
                    .map(|ends| (height(&ends[1]) - height(&ends[0])).abs());
                if climbs.sum::<f64>() > MOST_CLIMB && manner == Manner::Series {
                    stroke = Stroke::solid(stroke.colour, 1.0);
                }
                let style = stroke.style();
                match stroke.dash.map(|dash| stroke.device_dash(dash)) {
                    _ if places.len() < 2 => continue,
                    None => chart.draw_series(LineSeries::new(places, style))?,
                    Some((dash, gap)) => {
                        chart.draw_series([DashedPathElement::new(places, dash, gap, style)])?
                    }
                };
            }
        }
        Ok(())
    }

    /// At the right, and for half of the last label of the x axis.
    fn room_for_end_labels(&self) -> f64 {
        let labels = self.lines.iter().filter_map(|line| line.end_label.as_ref());
        let last = self.x.ticks().pop();
        let half = last.map_or(0.0, |(_, label)| text::width(&label, SMALL, false) / 2.0);
        (text::widest(labels, SMALL) + 10.0).max(half + 2.0)
    }

    fn draw_mark(&self, canvas: &mut Canvas, plot: &Plot) {
        let Some((x, words)) = &self.mark else {
            return;
        };
        let (x, plot) = (plot.position(*x, 0.0).0, plot.area);
        let stroke = Stroke::solid(VERMILLION, 1.5).dashed(4.0, 3.0);
        canvas.line([(x, plot.y0), (x, plot.y1)], stroke);
        let words = |x| Text::new(words, (x, plot.center().y), SMALL);
        // Where there is more room.
        let words = match x > plot.center().x {
            true => words(x - 6.0).at_right(),
            false => words(x + 6.0),
        };
        canvas.text(words.colour(darkened(VERMILLION)).bold(true).middle());
    }

    fn draw_end_labels(&self, canvas: &mut Canvas, plot: &Plot) {
        let labels = self.lines.iter().enumerate().filter_map(|(index, line)| {
            let colour = match line.manner {
                Manner::Series => darkened(series(index)),
                Manner::Raw | Manner::Smoothed => MUTED,
            };
            let &(x, y) = line.points.last()?;
            Some((plot.position(x, y), line.end_label.as_ref()?, colour))
        });
        let mut labels: Vec<_> = labels.collect();
        labels.sort_by(|((_, one), ..), ((_, other), ..)| one.total_cmp(other));
        let heights: Vec<f64> = labels.iter().map(|((_, y), ..)| *y).collect();
        let heights = apart(&heights, plot.area.y1);
        for (((x, _), label, colour), y) in labels.into_iter().zip(heights) {
            let label = Text::new(label, (x + 8.0, y), SMALL).colour(colour);
            canvas.text(label.bold(true).middle());
        }
    }

    fn legend(&self, width: f64) -> Legend<'_> {
        let names = self.lines.iter().map(|line| line.name.as_str());
        Legend::new(names, LEGEND_SAMPLE, width)
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

/// All points, or the lowest and the highest of groups, which look the same in a picture.
pub(super) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points.to_vec();
    }
    let group = (2 * points.len()).div_ceil(most);
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
    let colour = series(index);
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
