//! A progress bar for a `for` loop of a notebook.

use super::interrupt::stop_requested;
use super::progress::{Progress, print_line};
use crate::language::{LocalizedText, translate};
use crate::text::with_commas;

const LOOP: LocalizedText = LocalizedText {
    english: "the loop",
    japanese: "ループ",
};
const STEPS: LocalizedText = LocalizedText {
    english: "steps",
    japanese: "ステップ",
};

/// Iterates over some items, shows how far the loop is, and ends it at ■, as tqdm does for Python.
///
/// ```
/// use gasshuku::prelude::*;
/// let mut sum = 0;
/// for number in progress_bar(0..1000) {
///     sum += number;
/// }
/// assert_eq!(sum, 499_500);
/// ```
///
/// The bar appears when the loop has taken a second, and disappears when the loop ends. In a terminal
/// there is a line every five seconds.
pub fn progress_bar<I: IntoIterator>(items: I) -> ProgressBar<I::IntoIter> {
    let items = items.into_iter();
    let (_, upper_bound) = items.size_hint();
    ProgressBar {
        items,
        counter: Counter::new(upper_bound),
    }
}

/// The iterator of [`progress_bar`].
pub struct ProgressBar<I> {
    items: I,
    // Not generic, so it is compiled once, in the crate, and not in each cell.
    counter: Counter,
}

impl<I: Iterator> Iterator for ProgressBar<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if !self.counter.may_continue() {
            return None;
        }
        let item = self.items.next();
        self.counter.count(item.is_some());
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

struct Counter {
    /// `None` once the loop has ended.
    progress: Option<Progress>,
    total: Option<usize>,
    /// How many items the loop has taken.
    taken: usize,
}

impl Counter {
    fn new(total: Option<usize>) -> Counter {
        Counter {
            progress: Some(Progress::with_total(LOOP, total, STEPS)),
            total,
            taken: 0,
        }
    }

    /// Whether the loop may take another item. Prints a line when ■ ends the loop before its last item.
    fn may_continue(&mut self) -> bool {
        let is_over = self.total.is_some_and(|total| self.taken >= total);
        if stop_requested() && self.progress.take().is_some() && !is_over {
            print_line(&self.stop_message());
        }
        self.progress.is_some()
    }

    fn stop_message(&self) -> String {
        let taken = with_commas(self.taken);
        match self.total.map(with_commas) {
            Some(total) => translate!(
                "stopped after {taken} of {total} steps of this loop",
                "{total} ステップのうち {taken} まで進んだところで、ループを停止しました"
            ),
            None => translate!(
                "stopped after {taken} steps of this loop",
                "{taken} ステップまで進んだところで、ループを停止しました"
            ),
        }
    }

    fn count(&mut self, has_item: bool) {
        match (&mut self.progress, has_item) {
            (Some(progress), true) => {
                progress.show(self.taken);
                self.taken += 1;
            }
            _ => self.progress = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::front::tests::FakeFront;
    use super::*;

    #[test]
    fn a_loop_gets_every_item_and_ends_at_an_interrupt() {
        assert_eq!(progress_bar(vec![3, 1, 2]).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!(progress_bar(0..5).size_hint(), (5, Some(5)));
        let front = FakeFront::accepting();
        let seen = front.cell(|| {
            let mut seen = Vec::new();
            for number in progress_bar(0..) {
                seen.push(number);
                if number == 2 {
                    front.interrupt();
                }
            }
            seen
        });
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn a_loop_may_have_no_known_end() {
        let mut counter = Counter::new((0..).filter(|number| number % 2 == 0).size_hint().1);
        counter.taken = 1234;
        assert_eq!(
            counter.stop_message(),
            "stopped after 1,234 steps of this loop"
        );
        let progress = counter.progress.take().unwrap();
        let text = progress.text(5, Duration::from_secs(3));
        assert_eq!(text, "the loop: 5 steps");
        assert_eq!(
            Counter::new(Some(9)).stop_message(),
            "stopped after 0 of 9 steps of this loop"
        );
    }
}
