//! How many images each class has.

use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::{IntoSegmentedCoord as _, Ranged, SegmentValue, SegmentedCoord};
use plotters::coord::types::RangedCoordi32;
use plotters::element::{EmptyElement, Rectangle};
use plotters::prelude::LabelAreaPosition;
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::area::{Area, device};
use super::axis::Axis;
use super::canvas::{CHART_WIDTH, Canvas, DrawingResult, MARGIN, Root};
use super::chart::{Base, Chart, draw_axes, widest_label};
use super::check::{class_names, ensure};
use super::colour::{INK, series};
use super::figure::Figure;
use super::numerals::count;
use super::text::{self, SMALL, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
/// The space for the counts above standing bars.
const ABOVE: f64 = 14.0;
const LEGEND_HEIGHT: f64 = 24.0;
const LONGEST_NAME: f64 = 260.0;
/// The space for the names and the title below the bars.
const BELOW: f64 = 44.0;
/// The share of a class's slot that its bars fill together.
const FILLED: f64 = 0.86;
/// The font size of the counts above standing bars, which are narrow.
const COUNT: f64 = 10.5;

type Class = SegmentValue<i32>;

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

fn draw(title: &str, names: Vec<String>, series: &[CountSeries]) -> Result<Figure> {
    check(&names, series)?;
    let counts = series.iter().flat_map(|set| &set.counts);
    let most = counts.copied().max().unwrap_or_default();
    let words = alt_text(title, &names, series);
    let histogram = Histogram::new(names, series, most);
    let legend = if series.len() > 1 { LEGEND_HEIGHT } else { 0.0 };
    let size = (CHART_WIDTH, legend + histogram.height());
    Figure::draw(FUNCTION, (title, ""), size, &words, |canvas, top| {
        if series.len() > 1 {
            draw_legend(canvas, series, top + 6.0);
        }
        let size = (CHART_WIDTH - 2.0 * MARGIN, histogram.height());
        let area = Area::new((MARGIN, top + legend), size);
        canvas.chart(area, |root| histogram.draw(root));
    })
}

fn check(names: &[String], series: &[CountSeries]) -> Result<()> {
    ensure(
        !series.is_empty(),
        FUNCTION,
        || "there are no counts; give at least one series",
    )?;
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
    /// The largest count.
    most: String,
    widest_name: f64,
    /// Whether the bars lie below each other, as the names or the counts are too wide for standing ones.
    lies: bool,
}

impl Histogram<'_> {
    fn new(names: Vec<String>, series: &[CountSeries], most: usize) -> Histogram<'_> {
        let (widest_name, counts, most) = (
            text::widest(&names, SMALL),
            Axis::counts(most, 5),
            count(most),
        );
        let slot = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / names.len() as f64;
        let bar = slot * FILLED / series.len() as f64;
        Histogram {
            lies: widest_name + 6.0 > slot || text::width(&most, COUNT, false) > bar,
            names,
            series,
            counts,
            most,
            widest_name,
        }
    }

    /// The height of the bars and of what stands below them.
    fn height(&self) -> f64 {
        let bar = if self.series.len() == 1 { 16.0 } else { 14.0 };
        let slot = self.series.len() as f64 * bar / FILLED;
        BELOW
            + match self.lies {
                true => slot * self.names.len() as f64,
                false => ABOVE + PLOT_HEIGHT,
            }
    }

    fn draw(&self, root: &Root) -> DrawingResult {
        let beside = match self.lies {
            true => 26.0 + self.widest_name.min(LONGEST_NAME),
            false => 28.0 + widest_label(&self.counts),
        };
        let mut builder = ChartBuilder::on(root);
        builder
            .set_label_area_size(LabelAreaPosition::Left, device(beside))
            .set_label_area_size(LabelAreaPosition::Bottom, device(BELOW));
        let (classes, counts) = (self.classes(), self.counts.range());
        let name = |class: &Class| self.name(class);
        let number = |place: &f64| self.counts.label(*place);
        let names = (self.names.len(), &name as _, say("class", "クラス"));
        let numbers = say("number of images", "画像の枚数");
        let numbers = (self.counts.most_labels(), &number as _, numbers);
        if self.lies {
            let room_for_count = text::width(&self.most, SMALL, false) + 8.0;
            let builder = builder.margin_right(device(room_for_count));
            let mut chart = builder.build_cartesian_2d(counts, classes)?;
            draw_axes(&mut chart, Base::Y, numbers, names)?;
            self.draw_bars(&mut chart, |class, count| (count, class))
        } else {
            let builder = builder.margin_top(device(ABOVE));
            let mut chart = builder.build_cartesian_2d(classes, counts)?;
            draw_axes(&mut chart, Base::X, names, numbers)?;
            self.draw_bars(&mut chart, |class, count| (class, count))
        }
    }

    /// plotters' bars with their counts; `point` has the class and the count in the order of the axes.
    fn draw_bars<X: Ranged, Y: Ranged>(
        &self,
        chart: &mut Chart<X, Y>,
        point: impl Fn(Class, f64) -> (X::ValueType, Y::ValueType),
    ) -> DrawingResult
    where
        (X::ValueType, Y::ValueType): Clone,
    {
        let (width, height) = chart.plotting_area().dim_in_pixel();
        let length = if self.lies { height } else { width };
        let slot = f64::from(length) / self.names.len() as f64;
        let style = match self.lies {
            true => text::style(SMALL, INK).pos(Pos::new(HPos::Left, VPos::Center)),
            false => text::style(COUNT, INK).pos(Pos::new(HPos::Center, VPos::Bottom)),
        };
        for (index, set) in self.series.iter().enumerate() {
            let (before, after) = self.margins(index, slot);
            let bars = set.counts.iter().enumerate().map(|(class, &count)| {
                let [from, to] = self.ends(class);
                let end = point(to, self.counts.place(count as f64));
                let mut bar = Rectangle::new([point(from, 0.0), end], series(index).filled());
                match self.lies {
                    true => bar.set_margin(before, after, 0, 0),
                    false => bar.set_margin(0, 0, before, after),
                };
                bar
            });
            chart.draw_series(bars)?;
            let aside = (before as i32 - after as i32) / 2;
            let shift = match self.lies {
                true => (device(5.0), aside),
                false => (aside, -device(3.0)),
            };
            chart.draw_series(set.counts.iter().enumerate().map(|(class, &number)| {
                let class = SegmentValue::CenterOf(self.place(class) as i32);
                let at = point(class, self.counts.place(number as f64));
                let number = plotters::element::Text::new(count(number), shift, style.clone());
                EmptyElement::at(at) + number
            }))?;
        }
        Ok(())
    }

    /// One segment for each class.
    fn classes(&self) -> SegmentedCoord<RangedCoordi32> {
        (0..self.names.len() as i32 - 1).into_segmented()
    }

    /// Which segment a class has, or which class a segment; plotters counts upwards, so lying ones are turned.
    fn place(&self, class: usize) -> usize {
        match self.lies {
            true => self.names.len() - 1 - class,
            false => class,
        }
    }

    /// Where a class's segment begins and ends.
    fn ends(&self, class: usize) -> [Class; 2] {
        let place = self.place(class);
        let end = match place + 1 == self.names.len() {
            true => SegmentValue::Last,
            false => SegmentValue::Exact(place as i32 + 1),
        };
        [SegmentValue::Exact(place as i32), end]
    }

    fn name(&self, class: &Class) -> String {
        match class {
            SegmentValue::Exact(place) | SegmentValue::CenterOf(place) => {
                let name = &self.names[self.place(*place as usize)];
                text::shortened(name, SMALL, false, LONGEST_NAME)
            }
            SegmentValue::Last => String::new(),
        }
    }

    /// What of a slot lies before and after the bar of a series, in device pixels.
    fn margins(&self, index: usize, slot: f64) -> (u32, u32) {
        let bar = slot * FILLED / self.series.len() as f64;
        let before = slot * (1.0 - FILLED) / 2.0 + index as f64 * bar;
        let after = slot - before - bar + f64::from(device(1.0));
        (before.round() as u32, after.round() as u32)
    }
}

fn draw_legend(canvas: &mut Canvas, sets: &[CountSeries], y: f64) {
    let mut x = MARGIN;
    for (index, set) in sets.iter().enumerate() {
        canvas.rectangle(Area::new((x, y - 6.0), (12.0, 12.0)), series(index));
        canvas.text(Text::new(&set.name, (x + 18.0, y), SMALL).middle());
        x += 18.0 + text::width(&set.name, SMALL, false) + 20.0;
    }
}

fn alt_text(title: &str, names: &[String], series: &[CountSeries]) -> String {
    let mut text = said!(
        "{title}. Bar chart of the number of images per class.",
        "{title}。クラスごとの画像の枚数の棒グラフ。"
    );
    for set in series {
        let counts = names.iter().zip(&set.counts);
        let counts: Vec<String> = counts
            .map(|(name, &number)| format!("{name} {}", count(number)))
            .collect();
        let counts = text::listed(&counts);
        text += &said!(" {}: {counts}.", "{}: {counts}。", set.name);
    }
    text
}
