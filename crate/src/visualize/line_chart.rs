//! The panel that learning curves and line plots share: a chart of plotters, with what it does not have.
//!
//! plotters draws axes, mesh and lines. Its legend is a box on the lines and its series have no labels at
//! their ends, so these are drawn here.

use plotters::chart::ChartBuilder;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::{AreaSeries, LabelAreaPosition};
use plotters::series::LineSeries;
use plotters::style::Color as _;

use super::axis::Axis;
use super::canvas::{
    Area, CHART_WIDTH, Canvas, DrawingResult, Heading, MARGIN, Point, SMALL, Stroke, device,
};
use super::chart::{Base, Chart, Labels, draw_axes, widest_label};
use super::colour::{Colour, INK, MUTED, PALE, VERMILLION, darkened, series};
use super::figure::Figure;
use super::steps::thinned;
use super::text::{self, Align, Text};
use crate::error::Result;

/// More markers than this would hide the line.
const MOST_MARKERS: usize = 40;
/// A line that goes up and down more than so many times the axis is thin and solid: wide strokes and dashes
/// would run together.
const MOST_CLIMB: f64 = 15.0;
/// A line through more points than this is reduced to its extremes, which look the same.
const MOST_POINTS: usize = 1_000;
/// The opacity of an area below a line: grid lines and other areas show through.
const SHADE: f64 = 0.13;
const LEGEND_ROW: f64 = 20.0;
const LEGEND_SAMPLE: f64 = 30.0;
const LEGEND_GAP: f64 = 18.0;

/// The four marks and dashes that tell lines apart without colour.
const DASHES: [Option<(f64, f64)>; 4] =
    [None, Some((7.0, 4.0)), Some((2.5, 3.0)), Some((11.0, 4.0))];

type LinearChart<'a, 'b> = Chart<'a, 'b, RangedCoordf64, RangedCoordf64>;

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
    /// A picture of this chart alone; `height` is that of the panel without its legend.
    pub(super) fn figure(
        &self,
        function: &'static str,
        title: &str,
        height: f64,
        alt_text: String,
    ) -> Result<Figure> {
        let heading = Heading::new(title, "", CHART_WIDTH);
        let width = CHART_WIDTH - 2.0 * MARGIN;
        let height = height + self.legend_height(width);
        let area = Area::new(MARGIN, heading.bottom(), width, height);
        Figure::draw(function, CHART_WIDTH, area.bottom() + MARGIN, |canvas| {
            canvas.heading(&heading);
            self.draw(canvas, area);
            Ok(alt_text)
        })
    }

    /// Draws the panel into `area`, legend included.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        if !self.title.is_empty() {
            canvas.text(Text::new(&self.title, (area.x, area.y + 13.0), 13.5).bold(true));
        }
        let mut plot = area;
        canvas.chart(area, |root| {
            let mut chart = ChartBuilder::on(root)
                .margin_top(device(self.top(area.width)))
                .margin_right(device(self.room_for_end_labels()))
                .set_label_area_size(LabelAreaPosition::Left, device(self.room_for_y_labels()))
                .set_label_area_size(LabelAreaPosition::Bottom, device(42.0))
                .build_cartesian_2d(self.x.range(), self.y.range())?;
            self.draw_axes(&mut chart)?;
            self.draw_lines(&mut chart)?;
            let (columns, rows) = chart.plotting_area().get_pixel_range();
            plot = Area::of_device(columns, rows);
            Ok(())
        });
        for (index, line) in self.lines.iter().enumerate() {
            if line.manner == Manner::Series && line.points.len() <= MOST_MARKERS {
                for &(x, y) in &line.points {
                    draw_marker(canvas, self.position((x, y), plot), index);
                }
            }
        }
        self.draw_mark(canvas, plot);
        self.draw_end_labels(canvas, plot);
        self.draw_legend(canvas, area);
    }

    fn draw_axes(&self, chart: &mut LinearChart) -> DrawingResult {
        let (x, y) = (
            |place: &f64| self.x.label(*place),
            |place: &f64| self.y.label(*place),
        );
        draw_axes(
            chart,
            Base::X,
            &Labels {
                most: self.x.most_labels(),
                text: &x,
                title: &self.x_title,
            },
            &Labels {
                most: self.y.most_labels(),
                text: &y,
                title: &self.y_title,
            },
        )
    }

    fn draw_lines(&self, chart: &mut LinearChart) -> DrawingResult {
        for manner in [Manner::Raw, Manner::Smoothed, Manner::Series] {
            for (index, line) in self.lines.iter().enumerate() {
                if line.manner == manner {
                    self.draw_line(chart, line, index)?;
                }
            }
        }
        Ok(())
    }

    fn draw_line(&self, chart: &mut LinearChart, line: &Line, index: usize) -> DrawingResult {
        let points = thinned(&line.points, MOST_POINTS);
        let places: Vec<Point> = points
            .iter()
            .map(|&(x, y)| (self.x.place(x), self.y.place(y)))
            .collect();
        if self.shaded {
            let shade = series(index).mix(SHADE);
            chart.draw_series(AreaSeries::new(places.clone(), 0.0, shade))?;
        }
        if places.len() < 2 {
            return Ok(());
        }
        let mut stroke = stroke(index, line.manner);
        let climb: f64 = points
            .windows(2)
            .map(|pair| (self.y.share(pair[1].1) - self.y.share(pair[0].1)).abs())
            .sum();
        if climb > MOST_CLIMB && line.manner == Manner::Series {
            (stroke.dash, stroke.width) = (None, 1.0);
        }
        let style = stroke.style();
        match stroke.dash {
            None => chart.draw_series(LineSeries::new(places, style))?,
            Some(dash) => {
                let (dash, gap) = stroke.device_dash(dash);
                let line = DashedPathElement::new(places, dash, gap, style);
                chart.draw_series([line])?
            }
        };
        Ok(())
    }

    /// The height of title and legend.
    fn top(&self, width: f64) -> f64 {
        let title = if self.title.is_empty() { 0.0 } else { 22.0 };
        title + self.legend_height(width) + 8.0
    }

    /// The height of the legend in a panel of this width.
    pub(super) fn legend_height(&self, width: f64) -> f64 {
        let rows = self.legend_rows(width).last().map_or(0, |(row, _)| row + 1);
        rows as f64 * LEGEND_ROW
    }

    fn room_for_y_labels(&self) -> f64 {
        26.0 + widest_label(&self.y)
    }

    /// At the right, and for half of the last label of the x axis.
    fn room_for_end_labels(&self) -> f64 {
        let labels = self
            .lines
            .iter()
            .filter_map(|line| line.end_label.as_deref());
        let last = self.x.ticks().pop();
        let half = last.map_or(0.0, |(_, label)| text::width(&label, SMALL, false) / 2.0);
        (text::widest(labels, SMALL) + 10.0).max(half + 2.0)
    }

    /// In CSS pixels.
    fn position(&self, (x, y): Point, plot: Area) -> Point {
        let along = self.x.share(x) * plot.width;
        (
            plot.x + along,
            plot.bottom() - self.y.share(y) * plot.height,
        )
    }

    fn draw_mark(&self, canvas: &mut Canvas, plot: Area) {
        let Some((x, words)) = &self.mark else {
            return;
        };
        let x = plot.x + self.x.share(*x) * plot.width;
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
            let end = line.points.last().map(|&point| self.position(point, plot));
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
