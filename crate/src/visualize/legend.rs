//! The legend above a chart: a sample and a name for each line or series of bars.

use super::prelude::*;

const ROW_HEIGHT: f64 = 20.0;
const GAP: f64 = 18.0;
/// The space between a sample and its name.
const NAME_GAP: f64 = 6.0;

/// Names in rows, each after a sample. Empty names are left out.
pub(super) struct Legend<'a> {
    /// The index of each series, its name, and the upper left corner of its entry.
    entries: Vec<(usize, &'a str, Point)>,
    sample_width: f64,
    width: f64,
    pub(super) height: f64,
}

impl<'a> Legend<'a> {
    pub(super) fn new(
        names: impl Iterator<Item = &'a str>,
        sample_width: f64,
        width: f64,
    ) -> Legend<'a> {
        let (mut entries, mut x, mut y) = (Vec::new(), 0.0, 0.0);
        for (index, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
            let entry = sample_width + NAME_GAP + text::width(name, SMALL, false);
            if x > 0.0 && x + entry > width {
                (x, y) = (0.0, y + ROW_HEIGHT);
            }
            entries.push((index, name, (x, y)));
            x += entry + GAP;
        }
        Legend {
            height: if entries.is_empty() {
                0.0
            } else {
                y + ROW_HEIGHT
            },
            entries,
            sample_width,
            width,
        }
    }

    /// `draw_sample` draws the sample of the series with an index; it gets the middle of the sample's left edge.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        (left, top): Point,
        mut draw_sample: impl FnMut(&mut Canvas, usize, Point),
    ) {
        for &(index, name, (x, y)) in &self.entries {
            let (x, y) = (left + x, top + y + ROW_HEIGHT / 2.0);
            draw_sample(canvas, index, (x, y));
            let offset = self.sample_width + NAME_GAP;
            let name = text::truncated(name, SMALL, false, self.width - offset);
            canvas.text(Text::new(&name, (x + offset, y), SMALL).vertically_centred());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_rows_and_keep_their_indices() {
        let name = text::width("Bag", SMALL, false);
        let entry = 12.0 + NAME_GAP + name;
        let layout = |width| {
            let names = ["Bag", "", "Bag", "Bag"].into_iter();
            let legend = Legend::new(names, 12.0, width);
            let entries = legend.entries.iter().map(|&(index, _, at)| (index, at));
            (entries.collect::<Vec<_>>(), legend.height)
        };
        let second = entry + GAP;
        let (entries, height) = layout(2.0 * entry + GAP);
        let expected = [(0, (0.0, 0.0)), (2, (second, 0.0)), (3, (0.0, ROW_HEIGHT))];
        assert_eq!(
            (entries.as_slice(), height),
            (expected.as_slice(), 2.0 * ROW_HEIGHT)
        );
        // A name that is too long for a row has its own row.
        let (entries, height) = layout(10.0);
        let tops: Vec<f64> = entries.iter().map(|(_, at)| at.1).collect();
        assert_eq!(
            (tops, height),
            (vec![0.0, ROW_HEIGHT, 2.0 * ROW_HEIGHT], 3.0 * ROW_HEIGHT)
        );
        assert_eq!(Legend::new([""].into_iter(), 12.0, 99.0).height, 0.0);
    }
}
