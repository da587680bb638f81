//! A colour bar: the legend of a colour scale.

use super::axis::Axis;
use super::colour_scale::{ColourScale, Scale};
use super::prelude::*;

const BAR_WIDTH: f64 = 14.0;
const LINE_HEIGHT: f64 = 15.0;
const MAX_TITLE_LINES: usize = 3;

/// A bar with the largest value at the top; its labels and its rotated title are at the right.
pub(super) struct ColourBar {
    colours: ColourScale,
    /// Labels with their positions in [0, 1] from the bottom.
    ticks: Vec<(f64, String)>,
    title: Vec<String>,
    pub(super) height: f64,
    /// The width from the left edge of the bar, with labels and title.
    pub(super) width: f64,
}

impl ColourBar {
    /// The space at the left of a bar.
    pub(super) const GAP: f64 = 22.0;
    /// The usual width of a bar with its gap, for layouts that need it before the height is known.
    pub(super) const DEFAULT_WIDTH: f64 = 100.0;

    /// The colour bar of a scale.
    pub(super) fn for_scale(scale: &Scale, title: &str, height: f64) -> ColourBar {
        let ticks = Axis::exact(scale.low, scale.high, 5).ticks();
        ColourBar::new(scale.colours, ticks, title, height)
    }

    pub(super) fn new(
        colours: ColourScale,
        ticks: Vec<(f64, String)>,
        title: &str,
        height: f64,
    ) -> ColourBar {
        let title = text::wrapped(title, LABEL, false, height, MAX_TITLE_LINES);
        let label_width = text::max_width(ticks.iter().map(|(_, label)| label), SMALL);
        let lines = title.len().saturating_sub(1) as f64;
        ColourBar {
            width: BAR_WIDTH + label_width + 28.0 + lines * LINE_HEIGHT,
            colours,
            ticks,
            title,
            height,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, corner: Point) {
        const STEPS: usize = 128;
        let bar = area(corner, (BAR_WIDTH, self.height));
        let colours = PlacedImage::new(bar, (1, STEPS), |_, step| {
            let last = STEPS - 1;
            self.colours.at((last - step) as f64 / last as f64)
        });
        canvas.image(colours, Stroke::solid(AXIS, 1.0));
        for (position, label) in &self.ticks {
            let y = bar.y1 - position * bar.height();
            let ends = [(bar.x1, y), (bar.x1 + 4.0, y)];
            canvas.line(ends, Stroke::solid(AXIS, 1.0));
            canvas.text(
                Text::new(label, (bar.x1 + 7.0, y), SMALL)
                    .muted()
                    .vertically_centred(),
            );
        }
        let first = bar.x0 + self.width - 4.0 - (self.title.len() as f64 - 1.0) * LINE_HEIGHT;
        for (index, line) in self.title.iter().enumerate() {
            let at = (first + index as f64 * LINE_HEIGHT, bar.center().y);
            canvas.text(Text::new(line, at, LABEL).muted().centred().rotated());
        }
    }
}
