//! What tells the lines or bars of a chart apart, above it.

use super::prelude::*;

const ROW: f64 = 20.0;
const GAP: f64 = 18.0;
/// Between a sample and its name.
const NAME_GAP: f64 = 6.0;

/// Names in rows, each behind a sample; those that are empty are left out.
pub(super) struct Legend<'a> {
    /// The index of each, its name, and the upper left corner of its entry.
    entries: Vec<(usize, &'a str, Point)>,
    sample: f64,
    width: f64,
    pub(super) height: f64,
}

impl<'a> Legend<'a> {
    /// A legend of this width; `sample` is the width of each sample.
    pub(super) fn new(names: impl Iterator<Item = &'a str>, sample: f64, width: f64) -> Legend<'a> {
        let (mut entries, mut x, mut y) = (Vec::new(), 0.0, 0.0);
        for (index, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
            let entry = sample + NAME_GAP + text::width(name, SMALL, false);
            if x > 0.0 && x + entry > width {
                (x, y) = (0.0, y + ROW);
            }
            entries.push((index, name, (x, y)));
            x += entry + GAP;
        }
        Legend {
            height: if entries.is_empty() { 0.0 } else { y + ROW },
            entries,
            sample,
            width,
        }
    }

    /// `draw_sample` draws what a name stands for, from the middle of its left edge.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        (left, top): Point,
        mut draw_sample: impl FnMut(&mut Canvas, usize, Point),
    ) {
        for &(index, name, (x, y)) in &self.entries {
            let (x, y) = (left + x, top + y + ROW / 2.0);
            draw_sample(canvas, index, (x, y));
            let offset = self.sample + NAME_GAP;
            let name = text::shortened(name, SMALL, false, self.width - offset);
            canvas.text(Text::new(&name, (x + offset, y), SMALL).middle());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_rows_and_keep_their_indices() {
        let name = text::width("Bag", SMALL, false);
        let entry = 12.0 + NAME_GAP + name;
        let places = |width| {
            let names = ["Bag", "", "Bag", "Bag"].into_iter();
            let legend = Legend::new(names, 12.0, width);
            let entries = legend.entries.iter().map(|&(index, _, at)| (index, at));
            (entries.collect::<Vec<_>>(), legend.height)
        };
        let second = entry + GAP;
        let (entries, height) = places(2.0 * entry + GAP);
        let expected = [(0, (0.0, 0.0)), (2, (second, 0.0)), (3, (0.0, ROW))];
        assert_eq!(
            (entries.as_slice(), height),
            (expected.as_slice(), 2.0 * ROW)
        );
        // A name that is too long for a row has one to itself.
        let (entries, height) = places(10.0);
        let tops: Vec<f64> = entries.iter().map(|(_, at)| at.1).collect();
        assert_eq!((tops, height), (vec![0.0, ROW, 2.0 * ROW], 3.0 * ROW));
        assert_eq!(Legend::new([""].into_iter(), 12.0, 99.0).height, 0.0);
    }
}
