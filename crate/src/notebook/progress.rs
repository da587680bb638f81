//! How far some work is: a bar in the notebook, a line now and then elsewhere.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::interrupt::{go_on, stop_requested};
use super::live::LiveDisplay;
use super::show::Representations;
use crate::error::Result;
use crate::language::{translate, translated};
use crate::text::{escape, format_duration, with_commas};

/// Work that takes no longer than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where nothing can be replaced, a line comes this often.
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    /// Work within work shows nothing: the outer one says how far it is.
    static IS_SHOWN: Cell<bool> = const { Cell::new(false) };
}

/// Work that shows how far it is, until this is dropped.
pub(crate) struct Shown {
    is_outer: bool,
}

impl Shown {
    /// Work within this one shows nothing.
    pub(crate) fn begin() -> Shown {
        Shown {
            is_outer: !IS_SHOWN.replace(true),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.is_outer {
            IS_SHOWN.set(false);
        }
    }
}

/// A word for errors, which are English in every notebook, and for what a notebook shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    pub(crate) english: &'static str,
    pub(crate) japanese: &'static str,
}

impl Word {
    fn said(self) -> &'static str {
        translated(self.english, self.japanese)
    }
}

/// What is counted.
pub(crate) const IMAGES: Word = Word {
    english: "images",
    japanese: "枚",
};
pub(crate) const LAYERS: Word = Word {
    english: "layers",
    japanese: "層",
};
pub(crate) const FILES: Word = Word {
    english: "files",
    japanese: "ファイル",
};
const STEPS: Word = Word {
    english: "steps",
    japanese: "ステップ",
};

/// How far some work is. The bar appears when the work has taken a second, and goes when this is
/// dropped.
pub(crate) struct Progress {
    work: Word,
    /// `None` where nobody knows.
    total: Option<usize>,
    things: Word,
    start: Instant,
    shown: Shown,
    display: Option<LiveDisplay>,
    /// Without a display: when to look whether there can be one, or else to write a line.
    next_look: Duration,
}

impl Progress {
    /// Work on so many things begins.
    pub(crate) fn of(work: Word, total: usize, things: Word) -> Progress {
        Progress::begin_of(work, Some(total), things)
    }

    fn begin_of(work: Word, total: Option<usize>, things: Word) -> Progress {
        Progress {
            work,
            total,
            things,
            start: Instant::now(),
            shown: Shown::begin(),
            display: None,
            next_look: PATIENCE,
        }
    }

    /// To be called before each step of work that leaves nothing behind: so many things are done.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if the work is to end.
    pub(crate) fn done(&mut self, done: usize) -> Result<()> {
        let total = self.total.unwrap_or(done);
        go_on(self.work.english, done, total, self.things.english)?;
        self.show(done);
        Ok(())
    }

    /// Shows how much is done, if it is time to.
    pub(crate) fn show(&mut self, done: usize) {
        let elapsed = self.start.elapsed();
        let is_due = match &self.display {
            Some(display) => display.wants(),
            None => elapsed >= self.next_look,
        };
        if !self.shown.is_outer || !is_due {
            return;
        }
        let bar = Bar::of(self.share(done), self.sentence(done, elapsed));
        match &self.display {
            Some(display) => display.draw(move || Ok(bar.representations())),
            None => self.begin(&bar, elapsed),
        }
    }

    fn begin(&mut self, bar: &Bar, elapsed: Duration) {
        self.display = LiveDisplay::start(&bar.representations());
        if self.display.is_some() {
            return;
        }
        self.next_look = LINE_EVERY;
        if elapsed >= LINE_EVERY {
            self.next_look += elapsed;
            println!("{}", bar.text);
        }
    }

    /// 0 while that is unknown.
    fn share(&self, done: usize) -> f64 {
        let share = |total: usize| done as f64 / total.max(1) as f64;
        self.total.map_or(0.0, share)
    }

    fn sentence(&self, done: usize, elapsed: Duration) -> String {
        let (work, things) = (self.work.said(), self.things.said());
        let done_text = with_commas(done);
        let left = left(elapsed, self.share(done));
        match self.total.map(with_commas) {
            Some(total) => translate!(
                "{work}: {done_text} of {total} {things}{left}",
                "{work}: {done_text} / {total} {things}{left}"
            ),
            None => format!("{work}: {done_text} {things}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(display) = self.display.take() {
            display.end(Ok(nothing()));
        }
    }
}

/// ", 12 s left", or nothing while that cannot be known.
pub(crate) fn left(elapsed: Duration, share: f64) -> String {
    if share <= 0.0 {
        return String::new();
    }
    let left = format_duration(elapsed.mul_f64(((1.0 - share) / share).max(0.0)));
    translate!(", {left} left", "、残り {left}")
}

/// What takes the place of a bar whose work is over.
fn nothing() -> Representations {
    vec![("text/html", String::new()), ("text/plain", String::new())]
}

/// A share between 0 and 1 as a bar, with a sentence above it.
pub(crate) struct Bar {
    share: f64,
    pub(crate) text: String,
}

impl Bar {
    pub(crate) fn of(share: f64, text: String) -> Bar {
        Bar {
            share: share.clamp(0.0, 1.0),
            text,
        }
    }

    /// In the colours of JupyterLab's theme, light or dark; in other notebooks it is grey and blue.
    pub(crate) fn html(&self) -> String {
        let (text, percent) = (escape(&self.text), 100.0 * self.share);
        format!(
            "<div role=\"progressbar\" aria-valuenow=\"{percent:.0}\" aria-label=\"{text}\" \
             style=\"max-width:720px;font-variant-numeric:tabular-nums\">{text}\
             <div style=\"height:8px;margin:4px 0 8px;border-radius:4px;overflow:hidden;\
             background:var(--jp-layout-color3,#bdbdbd)\">\
             <div style=\"height:100%;width:{percent:.1}%;\
             background:var(--jp-brand-color1,#0072b2)\"></div></div></div>"
        )
    }

    pub(crate) fn representations(&self) -> Representations {
        vec![
            ("text/html", self.html()),
            ("text/plain", self.text.clone()),
        ]
    }

    /// The sentence alone, for what is over.
    pub(crate) fn sentence(&self) -> Representations {
        let html = format!("<div>{}</div>", escape(&self.text));
        vec![("text/html", html), ("text/plain", self.text.clone())]
    }
}

/// Goes through some items as a `for` loop does, shows how far the loop is, and ends it at ■, as
/// tqdm does for Python.
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
/// The bar appears when the loop has taken a second, and goes when it is over. In a terminal there is
/// a line every five seconds.
pub fn progress_bar<I: IntoIterator>(items: I) -> ProgressBar<I::IntoIter> {
    let items = items.into_iter();
    let (_, most) = items.size_hint();
    ProgressBar {
        items,
        counter: Counter::of(most),
    }
}

/// Made by [`progress_bar`].
pub struct ProgressBar<I> {
    items: I,
    counter: Counter,
}

impl<I: Iterator> Iterator for ProgressBar<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        // What is the same for all items is compiled once, in the crate.
        if !self.counter.goes_on() {
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
    progress: Option<Progress>,
    total: Option<usize>,
    given: usize,
}

impl Counter {
    fn of(total: Option<usize>) -> Counter {
        let work = Word {
            english: "the loop",
            japanese: "ループ",
        };
        Counter {
            progress: Some(Progress::begin_of(work, total, STEPS)),
            total,
            given: 0,
        }
    }

    /// Whether another item may be asked for.
    fn goes_on(&mut self) -> bool {
        let is_over = self.total.is_some_and(|total| self.given >= total);
        if stop_requested() && self.progress.take().is_some() && !is_over {
            println!("{}", self.stopped());
        }
        self.progress.is_some()
    }

    fn stopped(&self) -> String {
        let given = with_commas(self.given);
        match self.total.map(with_commas) {
            Some(total) => translate!(
                "stopped after {given} of {total} steps of this loop",
                "{total} ステップのうち {given} まで進んだところで、ループを停止しました"
            ),
            None => translate!(
                "stopped after {given} steps of this loop",
                "{given} ステップまで進んだところで、ループを停止しました"
            ),
        }
    }

    fn count(&mut self, is_another: bool) {
        match (&mut self.progress, is_another) {
            (Some(progress), true) => {
                progress.show(self.given);
                self.given += 1;
            }
            _ => self.progress = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::Stage;
    use super::*;
    use crate::language::{Language, with_language};

    const WORK: Word = Word {
        english: "the evaluation",
        japanese: "評価",
    };

    /// Work that has begun so long ago.
    fn begun(seconds: u64, total: usize) -> Progress {
        let mut progress = Progress::of(WORK, total, IMAGES);
        progress.start -= Duration::from_secs(seconds);
        progress
    }

    #[test]
    fn a_bar_comes_after_a_second_and_goes_at_the_end() {
        let stage = Stage::attentive();
        stage.cell(|| {
            let mut progress = begun(0, 10);
            progress.done(5).unwrap();
            drop(progress);
            assert!(stage.messages().is_empty(), "short work shows nothing");
            let mut progress = begun(2, 10_000);
            progress.done(2_500).unwrap();
        });
        let messages = stage.messages();
        let [shown, gone] = &messages[..] else {
            panic!("{messages:?}");
        };
        let text = "the evaluation: 2,500 of 10,000 images, 6 s left";
        assert_eq!(shown["data"]["text/plain"], text);
        let html = shown["data"]["text/html"].as_str().unwrap();
        assert!(
            html.contains("width:25.0%") && html.contains(text),
            "{html}"
        );
        assert_eq!(gone["data"]["text/html"], "");
        assert_eq!((&gone["update"], &gone["id"]), (&true.into(), &shown["id"]));
    }

    #[test]
    fn only_the_outermost_work_is_shown() {
        let stage = Stage::attentive();
        stage.cell(|| {
            let mut outer = begun(2, 4);
            outer.done(1).unwrap();
            let mut inner = begun(2, 100);
            inner.done(50).unwrap();
            drop(inner);
            assert_eq!(stage.messages().len(), 1);
            drop(outer);
            let mut next = begun(2, 4);
            next.done(1).unwrap();
            assert_eq!(stage.messages().len(), 2);
        });
    }

    #[test]
    fn work_ends_at_an_interrupt() {
        let stage = Stage::attentive();
        stage.interrupt();
        let ended = stage.cell(|| begun(0, 10_000).done(3_000)).unwrap_err();
        assert_eq!(
            ended.to_string(),
            "the evaluation was stopped after 3,000 of 10,000 images; nothing is lost"
        );
    }

    #[test]
    fn japanese_notebooks_have_japanese_bars() {
        let text = with_language(Language::Japanese, || {
            begun(0, 400).sentence(100, Duration::from_secs(30))
        });
        assert_eq!(
            text,
            "評価: 100 / 400 枚、残り 2 分 00 秒".replace("2 分 00 秒", "1 分 30 秒")
        );
    }

    #[test]
    fn a_loop_gets_every_item_and_ends_at_an_interrupt() {
        assert_eq!(progress_bar(vec![3, 1, 2]).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!(progress_bar(0..5).size_hint(), (5, Some(5)));
        let stage = Stage::attentive();
        let seen = stage.cell(|| {
            let mut seen = Vec::new();
            for number in progress_bar(0..) {
                seen.push(number);
                if number == 2 {
                    stage.interrupt();
                }
            }
            seen
        });
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn a_loop_may_have_no_known_end() {
        let mut counter = Counter::of((0..).filter(|number| number % 2 == 0).size_hint().1);
        counter.given = 1234;
        assert_eq!(counter.stopped(), "stopped after 1,234 steps of this loop");
        let progress = counter.progress.take().unwrap();
        let text = progress.sentence(5, Duration::from_secs(3));
        assert_eq!(text, "the loop: 5 steps");
        assert_eq!(
            Counter::of(Some(9)).stopped(),
            "stopped after 0 of 9 steps of this loop"
        );
    }

    #[test]
    fn a_bar_is_a_share() {
        for (share, width) in [
            (-1.0, "width:0.0%"),
            (0.505, "width:50.5%"),
            (7.0, "width:100.0%"),
        ] {
            assert!(Bar::of(share, "<b>".into()).html().contains(width));
        }
        assert!(Bar::of(0.5, "<b>".into()).html().contains("&lt;b&gt;"));
    }
}
