//! The legend of a colour scale.

use super::canvas::{Area, Canvas, LABEL, PlacedImage, Point, SMALL, Stroke};
use super::colour::{AXIS, MUTED};
use super::colour_scale::ColourScale;
use super::text::{self, Align, Text};

const BAR: f64 = 14.0;
const TITLE_LINE: f64 = 15.0;
const TITLE_LINES: usize = 3;

/// A bar with the largest value at the top, labels at its right, and an upright title.
pub(super) struct ColourBar {
    colours: ColourScale,
    /// Positions in [0, 1] from the bottom, with their labels.
    ticks: Vec<(f64, String)>,
    title: Vec<String>,
    height: f64,
}

impl ColourBar {
    /// The space left of a bar.
    pub(super) const GAP: f64 = 22.0;
    /// What a bar usually takes, its gap included; for layouts that must know before its height.
    pub(super) const USUAL_WIDTH: f64 = 100.0;

    pub(super) fn new(
        colours: ColourScale,
        ticks: Vec<(f64, String)>,
        title: &str,
        height: f64,
    ) -> ColourBar {
        let title = if title.trim().is_empty() {
            Vec::new()
        } else {
            text::wrapped(title, LABEL, false, height, TITLE_LINES)
        };
        ColourBar {
            colours,
            ticks,
            title,
            height,
        }
    }

    pub(super) fn height(&self) -> f64 {
        self.height
    }

    /// The width of everything from the left edge of the bar.
    pub(super) fn width(&self) -> f64 {
        self.baseline(self.title.len().saturating_sub(1)) + 4.0
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, (left, top): Point) {
        const STEPS: usize = 128;
        let bar = Area::new(left, top, BAR, self.height);
        let colours = (0..STEPS)
            .rev()
            .map(|step| self.colours.at(step as f64 / (STEPS - 1) as f64));
        canvas.image(PlacedImage::of_colours(bar, 1, STEPS, colours));
        canvas.border(bar, Stroke::solid(AXIS, 1.0));
        for (position, label) in &self.ticks {
            let y = bar.bottom() - position * bar.height;
            let tick = vec![(bar.right(), y), (bar.right() + 4.0, y)];
            canvas.line(tick, Stroke::solid(AXIS, 1.0));
            let label = Text::new(label, (bar.right() + 7.0, y), SMALL);
            canvas.text(label.colour(MUTED).middle());
        }
        for (index, line) in self.title.iter().enumerate() {
            let at = (left + self.baseline(index), bar.centre().1);
            let line = Text::new(line, at, LABEL).colour(MUTED);
            canvas.text(line.align(Align::Centre).upward());
        }
    }

    /// How far right of the bar's left edge a line of the title stands.
    fn baseline(&self, line: usize) -> f64 {
        let labels = self.ticks.iter().map(|(_, label)| label.as_str());
        BAR + text::widest(labels, SMALL) + 24.0 + line as f64 * TITLE_LINE
    }
}
