//! How far some work is: a bar in a notebook, a line every few seconds elsewhere.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::bar::Bar;
use super::interrupt::check_interrupted;
use super::live::LiveDisplay;
use super::show::Representations;
use crate::error::Result;
use crate::language::{LocalizedText, translate};
use crate::text::{format_duration, with_commas};

/// Work that takes no longer than this shows nothing.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// The time between two lines where output cannot be replaced.
pub(crate) const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is counted.
pub(crate) const IMAGES: LocalizedText = LocalizedText {
    english: "images",
    japanese: "枚",
};
pub(crate) const LAYERS: LocalizedText = LocalizedText {
    english: "layers",
    japanese: "層",
};
pub(crate) const FILES: LocalizedText = LocalizedText {
    english: "files",
    japanese: "ファイル",
};

thread_local! {
    /// Whether some work of this thread shows its progress. Work that it calls shows none then.
    static IS_SHOWN: Cell<bool> = const { Cell::new(false) };
}

/// A guard: while it exists, work that is called from here shows no progress of its own.
pub(crate) struct HideNestedProgress {
    is_outermost: bool,
}

impl HideNestedProgress {
    pub(crate) fn begin() -> HideNestedProgress {
        HideNestedProgress {
            is_outermost: !IS_SHOWN.replace(true),
        }
    }
}

impl Drop for HideNestedProgress {
    fn drop(&mut self) {
        if self.is_outermost {
            IS_SHOWN.set(false);
        }
    }
}

/// The progress of some work. The bar appears when the work has taken a second, and disappears when this
/// is dropped.
pub(crate) struct Progress {
    /// What is done, such as "the evaluation".
    task: LocalizedText,
    /// How many units there are; `None` if that is not known.
    total: Option<usize>,
    /// What is counted, such as "images".
    unit: LocalizedText,
    start: Instant,
    nested: HideNestedProgress,
    display: Option<LiveDisplay>,
    /// While there is no display: when to try again to show one, or else to print a line.
    next_attempt: Duration,
}

impl Progress {
    pub(crate) fn of(task: LocalizedText, total: usize, unit: LocalizedText) -> Progress {
        Progress::with_total(task, Some(total), unit)
    }

    pub(super) fn with_total(
        task: LocalizedText,
        total: Option<usize>,
        unit: LocalizedText,
    ) -> Progress {
        Progress {
            task,
            total,
            unit,
            start: Instant::now(),
            nested: HideNestedProgress::begin(),
            display: None,
            next_attempt: SHOW_AFTER,
        }
    }

    /// Shows that `done` units are done, if it is time to. Call it before each step of work whose partial
    /// result is of no use.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if ■ was pressed.
    pub(crate) fn done(&mut self, done: usize) -> Result<()> {
        let total = self.total.unwrap_or(done);
        check_interrupted(self.task.english, done, total, self.unit.english)?;
        self.show(done);
        Ok(())
    }

    /// Shows that `done` units are done, if it is time to.
    pub(super) fn show(&mut self, done: usize) {
        let elapsed = self.start.elapsed();
        let is_due = match &self.display {
            Some(display) => display.is_due(),
            None => elapsed >= self.next_attempt,
        };
        if !self.nested.is_outermost || !is_due {
            return;
        }
        let bar = Bar::of(self.fraction(done), self.text(done, elapsed));
        match &self.display {
            Some(display) => display.draw(move || Ok(bar.representations())),
            None => self.start_display(&bar, elapsed),
        }
    }

    fn start_display(&mut self, bar: &Bar, elapsed: Duration) {
        self.display = LiveDisplay::start(&bar.representations());
        if self.display.is_some() {
            return;
        }
        self.next_attempt = LINE_INTERVAL;
        if elapsed >= LINE_INTERVAL {
            self.next_attempt += elapsed;
            print_line(&bar.text);
        }
    }

    /// 0 if the total is not known.
    fn fraction(&self, done: usize) -> f64 {
        let fraction = |total: usize| done as f64 / total.max(1) as f64;
        self.total.map_or(0.0, fraction)
    }

    pub(super) fn text(&self, done: usize, elapsed: Duration) -> String {
        let (task, unit) = (self.task.current(), self.unit.current());
        let done_text = with_commas(done);
        let remaining = remaining_time(elapsed, self.fraction(done));
        match self.total.map(with_commas) {
            Some(total) => translate!(
                "{task}: {done_text} of {total} {unit}{remaining}",
                "{task}: {done_text} / {total} {unit}{remaining}"
            ),
            None => format!("{task}: {done_text} {unit}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(display) = self.display.take() {
            display.end(Ok(empty_output()));
        }
    }
}

/// A bar in a cell's output. Where output cannot be replaced, each update is a line.
#[derive(Default)]
pub(crate) struct BarDisplay {
    display: Option<LiveDisplay>,
}

impl BarDisplay {
    /// Shows a new bar.
    pub(crate) fn start(&mut self, bar: Bar) {
        self.display = LiveDisplay::start(&bar.representations());
        if self.display.is_none() {
            print_line(&bar.text);
        }
    }

    /// Replaces the bar. Of a full bar only the text stays.
    pub(crate) fn update(&mut self, bar: Bar) {
        match self.display.take() {
            None => print_line(&bar.text),
            Some(display) if bar.fraction >= 1.0 => display.end(Ok(bar.text_only())),
            Some(display) => {
                display.draw(move || Ok(bar.representations()));
                self.display = Some(display);
            }
        }
    }
}

/// Prints a line of progress in the cell's output. All such lines of this crate go through here.
pub(crate) fn print_line(text: &str) {
    println!("{text}");
}

/// ", 12 s left"; empty if nothing is done yet, since the time is not known then.
pub(crate) fn remaining_time(elapsed: Duration, fraction: f64) -> String {
    if fraction <= 0.0 {
        return String::new();
    }
    let remaining = format_duration(elapsed.mul_f64(((1.0 - fraction) / fraction).max(0.0)));
    translate!(", {remaining} left", "、残り {remaining}")
}

/// Replaces the bar of work that has ended.
fn empty_output() -> Representations {
    vec![("text/html", String::new()), ("text/plain", String::new())]
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::FakeFront;
    use super::*;
    use crate::language::{Language, with_language};

    const EVALUATION: LocalizedText = LocalizedText {
        english: "the evaluation",
        japanese: "評価",
    };

    /// Progress of work that was started `seconds` ago.
    fn started(seconds: u64, total: usize) -> Progress {
        let mut progress = Progress::of(EVALUATION, total, IMAGES);
        progress.start -= Duration::from_secs(seconds);
        progress
    }

    #[test]
    fn a_bar_appears_after_a_second_and_disappears_at_the_end() {
        let front = FakeFront::accepting();
        front.cell(|| {
            let mut progress = started(0, 10);
            progress.done(5).unwrap();
            drop(progress);
            assert!(front.messages().is_empty(), "short work shows nothing");
            let mut progress = started(2, 10_000);
            progress.done(2_500).unwrap();
        });
        let messages = front.messages();
        let [shown, removed] = &messages[..] else {
            panic!("{messages:?}");
        };
        let text = "the evaluation: 2,500 of 10,000 images, 6 s left";
        assert_eq!(shown["data"]["text/plain"], text);
        let html = shown["data"]["text/html"].as_str().unwrap();
        assert!(
            html.contains("width:25.0%") && html.contains(text),
            "{html}"
        );
        assert_eq!(removed["data"]["text/html"], "");
        assert_eq!(
            (&removed["update"], &removed["id"]),
            (&true.into(), &shown["id"])
        );
    }

    #[test]
    fn only_the_outermost_work_shows_progress() {
        let front = FakeFront::accepting();
        front.cell(|| {
            let mut outer = started(2, 4);
            outer.done(1).unwrap();
            let mut inner = started(2, 100);
            inner.done(50).unwrap();
            drop(inner);
            assert_eq!(front.messages().len(), 1);
            drop(outer);
            let mut next = started(2, 4);
            next.done(1).unwrap();
            assert_eq!(front.messages().len(), 2);
        });
    }

    #[test]
    fn work_ends_at_an_interrupt() {
        let front = FakeFront::accepting();
        front.interrupt();
        let ended = front.cell(|| started(0, 10_000).done(3_000)).unwrap_err();
        assert_eq!(
            ended.to_string(),
            "the evaluation was stopped after 3,000 of 10,000 images; nothing is lost"
        );
    }

    #[test]
    fn japanese_notebooks_have_japanese_bars() {
        let text = with_language(Language::Japanese, || {
            started(0, 400).text(100, Duration::from_secs(30))
        });
        assert_eq!(text, "評価: 100 / 400 枚、残り 1 分 30 秒");
    }

    #[test]
    fn of_a_full_bar_the_text_stays() {
        let front = FakeFront::accepting();
        front.cell(|| {
            let mut display = BarDisplay::default();
            display.start(Bar::of(0.0, "0 of 2".into()));
            display.update(Bar::of(0.5, "1 of 2".into()));
            display.update(Bar::of(1.0, "2 of 2".into()));
        });
        let messages = front.messages();
        let texts: Vec<_> = messages
            .iter()
            .map(|it| &it["data"]["text/plain"])
            .collect();
        assert_eq!(texts, ["0 of 2", "1 of 2", "2 of 2"]);
        assert_eq!(messages[2]["data"]["text/html"], "<div>2 of 2</div>");
    }
}
