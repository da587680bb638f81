//! The legend of a colour scale.

use super::axis::Axis;
use super::colour_scale::{ColourScale, Scale};
use super::prelude::*;

const BAR: f64 = 14.0;
const TITLE_LINE: f64 = 15.0;
const TITLE_LINES: usize = 3;

/// A bar with the largest value at the top, labels at its right, and an upright title.
pub(super) struct ColourBar {
    colours: ColourScale,
    /// Positions in [0, 1] from the bottom, with their labels.
    ticks: Vec<(f64, String)>,
    title: Vec<String>,
    pub(super) height: f64,
    /// The width of everything from the left edge of the bar.
    pub(super) width: f64,
}

impl ColourBar {
    /// The space left of a bar.
    pub(super) const GAP: f64 = 22.0;
    /// What a bar usually takes, its gap included; for layouts that must know before its height.
    pub(super) const USUAL_WIDTH: f64 = 100.0;

    /// The legend of a scale, about as high as what stands beside it.
    pub(super) fn of(scale: &Scale, title: &str, height: f64) -> ColourBar {
        let ticks = Axis::exact(scale.low, scale.high, 5).ticks();
        ColourBar::new(scale.colours, ticks, title, height)
    }

    pub(super) fn new(
        colours: ColourScale,
        ticks: Vec<(f64, String)>,
        title: &str,
        height: f64,
    ) -> ColourBar {
        let title = text::wrapped(title, LABEL, false, height, TITLE_LINES);
        let widest = text::widest(ticks.iter().map(|(_, label)| label), SMALL);
        let lines = title.len().saturating_sub(1) as f64;
        ColourBar {
            width: BAR + widest + 28.0 + lines * TITLE_LINE,
            colours,
            ticks,
            title,
            height,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, corner: Point) {
        const STEPS: usize = 128;
        let bar = area(corner, (BAR, self.height));
        let colours = PlacedImage::new(bar, (1, STEPS), |_, step| {
            let last = STEPS - 1;
            self.colours.at((last - step) as f64 / last as f64)
        });
        canvas.image(colours, Stroke::solid(AXIS, 1.0));
        for (position, label) in &self.ticks {
            let y = bar.y1 - position * bar.height();
            let ends = [(bar.x1, y), (bar.x1 + 4.0, y)];
            canvas.line(ends, Stroke::solid(AXIS, 1.0));
            canvas.text(Text::new(label, (bar.x1 + 7.0, y), SMALL).muted().middle());
        }
        let first = bar.x0 + self.width - 4.0 - (self.title.len() as f64 - 1.0) * TITLE_LINE;
        for (index, line) in self.title.iter().enumerate() {
            let at = (first + index as f64 * TITLE_LINE, bar.center().y);
            canvas.text(Text::new(line, at, LABEL).muted().centred().upward());
        }
    }
}
