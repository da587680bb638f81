//! How many images each class has.

use super::axis::Axis;
use super::chart::{Base, draw_chart};
use super::check::class_names;
use super::legend::Legend;
use super::prelude::*;

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
/// The space for the counts above standing bars.
const ABOVE: f64 = 14.0;
/// The space above lying bars.
const BELOW_LEGEND: f64 = 6.0;
/// The side of a square in the legend.
const SAMPLE: f64 = 12.0;
const LONGEST_NAME: f64 = 260.0;
/// The space for the names and the title below the bars.
const BELOW: f64 = 44.0;
/// The share of a class's slot that its bars fill together.
const FILLED: f64 = 0.86;
/// Between the bars of a class, which is taken from them.
const BAR_GAP: f64 = 1.0;
/// The font size of the counts above standing bars, which are narrow.
const COUNT: f64 = 10.5;

/// The counts of one set of images, such as the training images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountSeries {
    /// Stands in the legend.
    pub name: String,
    /// One count per class, in the order of the class names.
    pub counts: Vec<usize>,
}

/// One bar per class and series, with its count; the bars lie if the names are too long to stand below.
pub fn class_histogram(
    title: &str,
    class_names: &[impl AsRef<str>],
    series: &[CountSeries],
) -> Result<Figure> {
    draw(title, self::class_names(FUNCTION, class_names)?, series)
}

fn draw(title: &str, names: Vec<String>, sets: &[CountSeries]) -> Result<Figure> {
    check(&names, sets)?;
    let words = alt_text(title, &names, sets);
    let histogram = Histogram::new(names, sets);
    let width = CHART_WIDTH - 2.0 * MARGIN;
    // One set needs no legend.
    let named = if sets.len() > 1 { sets } else { &[] };
    let legend = Legend::new(named.iter().map(|set| set.name.as_str()), SAMPLE, width);
    let size = (CHART_WIDTH, legend.height + histogram.height);
    Figure::draw(FUNCTION, (title, ""), size, &words, |canvas, top| {
        legend.draw(canvas, (MARGIN, top), |canvas, index, (x, y)| {
            let sample = area((x, y - SAMPLE / 2.0), (SAMPLE, SAMPLE));
            canvas.rectangle(sample, series(index));
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
    /// As CSS has them.
    margins: [f64; 4],
    /// Whether the bars lie below each other, as the names or the counts are too wide for standing ones.
    lies: bool,
    /// With what stands below the bars.
    height: f64,
}

impl Histogram<'_> {
    fn new(names: Vec<String>, series: &[CountSeries]) -> Histogram<'_> {
        let most = series.iter().flat_map(|set| &set.counts).copied().max();
        let most = most.unwrap_or_default();
        let (counts, most) = (Axis::counts(most, 5), count(most));
        let name = text::widest(&names, SMALL);
        let (classes, sets) = (names.len() as f64, series.len() as f64);
        let slot = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / classes;
        let lies = name + 6.0 > slot || text::width(&most, COUNT, false) > slot * FILLED / sets;
        let bar = if series.len() == 1 { 16.0 } else { 14.0 };
        let (top, right, left, height) = match lies {
            true => {
                let (count, name) = (text::width(&most, SMALL, false), name.min(LONGEST_NAME));
                (
                    BELOW_LEGEND,
                    count + 8.0,
                    name + 26.0,
                    sets * bar / FILLED * classes,
                )
            }
            false => (ABOVE, 0.0, counts.widest_label() + 28.0, PLOT_HEIGHT),
        };
        Histogram {
            names,
            series,
            counts,
            margins: [top, right, BELOW, left],
            lies,
            height: top + height + BELOW,
        }
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let names = Axis::places(self.names.len());
        let class = (&names, translated("class", "クラス"));
        let number = (&self.counts, translated("number of images", "画像の枚数"));
        let (base, x, y) = match self.lies {
            true => (Base::Y, number, class),
            false => (Base::X, class, number),
        };
        let plot = draw_chart(canvas, area, self.margins, base, x, y, |_| Ok(()));
        // The y axis counts upwards, so lying bars are turned.
        let position = |class: f64, count: f64| match self.lies {
            true => plot.position(count, self.names.len() as f64 - class),
            false => plot.position(class, count),
        };
        let bar = FILLED / self.series.len() as f64;
        for (index, set) in self.series.iter().enumerate() {
            for (class, &number) in set.counts.iter().enumerate() {
                let from = class as f64 + (1.0 - FILLED) / 2.0 + index as f64 * bar;
                let (start, end) = (position(from, 0.0), position(from + bar, number as f64));
                let mut rectangle = Area::from_points(start, end);
                let (label, centre) = (count(number), rectangle.center());
                match self.lies {
                    true => {
                        rectangle.y1 -= BAR_GAP;
                        let at = (end.0 + 5.0, centre.y);
                        canvas.text(Text::new(&label, at, SMALL).middle());
                    }
                    false => {
                        rectangle.x1 -= BAR_GAP;
                        canvas.text(Text::new(&label, (centre.x, end.1 - 4.0), COUNT).centred());
                    }
                }
                canvas.rectangle(rectangle, series(index));
            }
        }
        for (class, name) in self.names.iter().enumerate() {
            let name = text::shortened(name, SMALL, false, LONGEST_NAME);
            let (x, y) = position(class as f64 + 0.5, 0.0);
            let text = |at| Text::new(&name, at, SMALL).muted();
            canvas.text(match self.lies {
                true => text((x - 7.0, y)).at_right().middle(),
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
        let in_words = |(name, &number): (&String, &usize)| format!("{name} {}", count(number));
        let counts: Vec<String> = counts.map(in_words).collect();
        let counts = text::listed(&counts);
        text += &translate!(" {}: {counts}.", "{}: {counts}。", set.name);
    }
    text
}
