//! How many images each class has.

use super::axis::Axis;
use super::chart::{BaseAxis, PlotArea, draw_chart};
use super::check::class_names;
use super::legend::Legend;
use super::prelude::*;

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
/// The space for the counts above vertical bars.
const ABOVE: f64 = 14.0;
/// The space above horizontal bars.
const BELOW_LEGEND: f64 = 6.0;
/// The side of a square in the legend.
const SAMPLE: f64 = 12.0;
const MAX_NAME_WIDTH: f64 = 260.0;
/// The space for the names and the title below the bars.
const BELOW: f64 = 44.0;
/// The fraction of a class's space that its bars fill.
const FILLED: f64 = 0.86;
/// The space between the bars of a class; the bars are narrower by that.
const BAR_GAP: f64 = 1.0;
/// The font size of the counts above vertical bars, which are narrow.
const COUNT_SIZE: f64 = 10.5;

/// The counts of one set of images, such as the training images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountSeries {
    /// The name in the legend.
    pub name: String,
    /// One count per class, in the order of the class names.
    pub counts: Vec<usize>,
}

/// One bar per class and series, with its count. The bars are horizontal if the names are too long to be below vertical
/// ones.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without classes or series, or if there is not one count per class.
pub fn class_histogram(
    title: &str,
    class_names: &[impl AsRef<str>],
    series: &[CountSeries],
) -> Result<Figure> {
    draw(title, self::class_names(FUNCTION, class_names)?, series)
}

fn draw(title: &str, names: Vec<String>, sets: &[CountSeries]) -> Result<Figure> {
    check(&names, sets)?;
    let alt_text = alt_text(title, &names, sets);
    let histogram = Histogram::new(names, sets);
    let width = CHART_WIDTH - 2.0 * MARGIN;
    // One set needs no legend.
    let named = if sets.len() > 1 { sets } else { &[] };
    let legend = Legend::new(named.iter().map(|set| set.name.as_str()), SAMPLE, width);
    let size = (CHART_WIDTH, legend.height + histogram.height);
    Figure::draw(FUNCTION, (title, ""), size, &alt_text, |canvas, top| {
        legend.draw(canvas, (MARGIN, top), |canvas, index, (x, y)| {
            let sample = area((x, y - SAMPLE / 2.0), (SAMPLE, SAMPLE));
            canvas.rectangle(sample, series_colour(index));
        });
        let area = area((MARGIN, top + legend.height), (width, histogram.height));
        histogram.draw(canvas, area);
    })
}

fn check(names: &[String], series: &[CountSeries]) -> Result<()> {
    ensure(!series.is_empty(), FUNCTION, || {
        "there are no counts; give at least one series".to_owned()
    })?;
    series.iter().try_for_each(|CountSeries { name, counts }| {
        let (number, classes) = (counts.len(), names.len());
        ensure(number == classes, FUNCTION, || {
            format!(
                "series {name:?} has {number} counts for {classes} class names; give one count per class"
            )
        })
    })
}

struct Histogram<'a> {
    names: Vec<String>,
    series: &'a [CountSeries],
    counts: Axis,
    /// The space around the bars in the order of CSS: top, right, bottom, left.
    margins: [f64; 4],
    /// Whether the bars are horizontal, as the names or the counts are too wide for vertical ones.
    is_horizontal: bool,
    /// The height with the texts below the bars.
    height: f64,
}

impl Histogram<'_> {
    fn new(names: Vec<String>, series: &[CountSeries]) -> Histogram<'_> {
        let most = series.iter().flat_map(|set| &set.counts).copied().max();
        let most = most.unwrap_or_default();
        let (counts, most) = (Axis::counts(most, 5), with_commas(most));
        let name = text::max_width(&names, SMALL);
        let (classes, sets) = (names.len() as f64, series.len() as f64);
        let class_width = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / classes;
        let is_horizontal = name + 6.0 > class_width
            || text::width(&most, COUNT_SIZE, false) > class_width * FILLED / sets;
        let bar = if series.len() == 1 { 16.0 } else { 14.0 };
        let (top, right, left, height) = match is_horizontal {
            true => {
                let (count, name) = (text::width(&most, SMALL, false), name.min(MAX_NAME_WIDTH));
                (
                    BELOW_LEGEND,
                    count + 8.0,
                    name + 26.0,
                    sets * bar / FILLED * classes,
                )
            }
            false => (ABOVE, 0.0, counts.max_label_width() + 28.0, PLOT_HEIGHT),
        };
        Histogram {
            names,
            series,
            counts,
            margins: [top, right, BELOW, left],
            is_horizontal,
            height: top + height + BELOW,
        }
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let names = Axis::categories(self.names.len());
        let class = (&names, translated("class", "クラス"));
        let number = (&self.counts, translated("number of images", "画像の枚数"));
        let (base, x, y) = match self.is_horizontal {
            true => (BaseAxis::Y, number, class),
            false => (BaseAxis::X, class, number),
        };
        let plot = draw_chart(canvas, area, self.margins, base, x, y, |_| Ok(()));
        self.draw_bars(canvas, &plot);
        self.draw_names(canvas, &plot);
    }

    fn position(&self, plot: &PlotArea, class: f64, count: f64) -> Point {
        match self.is_horizontal {
            // The y axis starts at the bottom, but the first of horizontal bars is at the top.
            true => plot.position(count, self.names.len() as f64 - class),
            false => plot.position(class, count),
        }
    }

    fn draw_bars(&self, canvas: &mut Canvas, plot: &PlotArea) {
        let bar = FILLED / self.series.len() as f64;
        for (index, set) in self.series.iter().enumerate() {
            for (class, &number) in set.counts.iter().enumerate() {
                let from = class as f64 + (1.0 - FILLED) / 2.0 + index as f64 * bar;
                let start = self.position(plot, from, 0.0);
                let end = self.position(plot, from + bar, number as f64);
                let mut rectangle = Area::from_points(start, end);
                let (label, centre) = (with_commas(number), rectangle.center());
                canvas.text(match self.is_horizontal {
                    true => {
                        rectangle.y1 -= BAR_GAP;
                        Text::new(&label, (end.0 + 5.0, centre.y), SMALL).vertically_centred()
                    }
                    false => {
                        rectangle.x1 -= BAR_GAP;
                        Text::new(&label, (centre.x, end.1 - 4.0), COUNT_SIZE).centred()
                    }
                });
                canvas.rectangle(rectangle, series_colour(index));
            }
        }
    }

    fn draw_names(&self, canvas: &mut Canvas, plot: &PlotArea) {
        for (class, name) in self.names.iter().enumerate() {
            let name = text::truncated(name, SMALL, false, MAX_NAME_WIDTH);
            let (x, y) = self.position(plot, class as f64 + 0.5, 0.0);
            let text = |at| Text::new(&name, at, SMALL).muted();
            canvas.text(match self.is_horizontal {
                true => text((x - 7.0, y)).right_aligned().vertically_centred(),
                false => text((x, y + 17.0)).centred(),
            });
        }
    }
}

fn alt_text(title: &str, names: &[String], series: &[CountSeries]) -> String {
    let mut text = translate!(
        "{title}. Bar chart of the number of images per class.",
        "{title}。クラスごとの画像の枚数の棒グラフ。"
    );
    for set in series {
        let counts = names.iter().zip(&set.counts);
        let describe =
            |(name, &number): (&String, &usize)| format!("{name} {}", with_commas(number));
        let counts: Vec<String> = counts.map(describe).collect();
        let counts = text::joined(&counts);
        text += &translate!(" {}: {counts}.", "{}: {counts}。", set.name);
    }
    text
}
