//! A display that is updated a few times a second while some work goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::front::Front;
use super::show::{DisplayId, Representations, display_output, update_display};
use crate::error::Result;
use crate::language::{Language, with_language};

/// The shortest time between two updates.
const UPDATE_INTERVAL: Duration = Duration::from_millis(200);

/// How many times as long as a drawing the pause after it is: slow drawings take a hundredth of one
/// processor's time.
const PAUSE_FACTOR: u32 = 100;

/// Draws the values of one update.
type Drawing = Box<dyn FnOnce() -> Result<Representations> + Send>;

/// A place in the running cell's output. A thread draws its values and replaces them.
pub(crate) struct LiveDisplay {
    front: Front,
    id: DisplayId,
    start: Instant,
    /// When the next drawing is due, in milliseconds after the start; `u64::MAX` during a drawing.
    next_due: Arc<AtomicU64>,
    /// `None` once the display has ended.
    drawings: Option<Sender<Drawing>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveDisplay {
    /// Shows the first value. `None` where output cannot be replaced: without the front, and in other
    /// threads than the cell's.
    pub(crate) fn start(first: &Representations) -> Option<LiveDisplay> {
        let front = Front::current().filter(Front::is_cell_thread)?;
        let id = DisplayId::new();
        print!("{}", display_output(Some(front.clone()), first, &id));
        let (drawings, to_draw) = channel::<Drawing>();
        let start = Instant::now();
        let next_due = Arc::new(AtomicU64::new(millis(UPDATE_INTERVAL)));
        let (thread_front, thread_id, due) = (front.clone(), id.clone(), next_due.clone());
        let language = Language::current();
        let work = move || {
            for drawing in to_draw {
                let drawing_start = Instant::now();
                update_display(&thread_front, &thread_id, with_language(language, drawing));
                let pause = UPDATE_INTERVAL.max(drawing_start.elapsed() * PAUSE_FACTOR);
                due.store(millis(start.elapsed() + pause), Ordering::Relaxed);
            }
        };
        let thread = thread::Builder::new().name("display".into()).spawn(work);
        Some(LiveDisplay {
            front,
            id,
            start,
            next_due,
            drawings: Some(drawings),
            thread: thread.ok(),
        })
    }

    /// Whether it is time for another drawing.
    pub(crate) fn is_due(&self) -> bool {
        millis(self.start.elapsed()) >= self.next_due.load(Ordering::Relaxed)
    }

    /// Draws this on the thread of the display.
    pub(crate) fn draw(&self, drawing: impl FnOnce() -> Result<Representations> + Send + 'static) {
        self.next_due.store(u64::MAX, Ordering::Relaxed);
        if let Some(drawings) = &self.drawings {
            // Sending cannot fail: the thread ends with this display.
            let _ = drawings.send(Box::new(drawing));
        }
    }

    /// Shows the last value, and returns when it was sent.
    pub(crate) fn end(mut self, last: Result<Representations>) {
        self.wait();
        update_display(&self.front, &self.id, last);
    }

    fn wait(&mut self) {
        self.drawings = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for LiveDisplay {
    fn drop(&mut self) {
        self.wait();
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::FakeFront;
    use super::*;

    fn text(text: &str) -> Representations {
        vec![("text/plain", text.into())]
    }

    fn texts(front: &FakeFront) -> Vec<String> {
        let messages = front.messages();
        let id = messages[0]["id"].clone();
        assert!(messages.iter().all(|message| message["id"] == id));
        let shown =
            |message: &serde_json::Value| message["data"]["text/plain"].as_str().map(str::to_owned);
        messages.iter().filter_map(shown).collect()
    }

    #[test]
    fn drawings_replace_each_other_in_order() {
        let front = FakeFront::accepting();
        let display = front.cell(|| LiveDisplay::start(&text("first"))).unwrap();
        assert!(!display.is_due(), "it has just started");
        display.draw(|| Ok(text("second")));
        assert!(!display.is_due(), "one is being made");
        display.end(Ok(text("last")));
        assert_eq!(texts(&front), ["first", "second", "last"]);
    }

    #[test]
    fn a_display_that_is_dropped_keeps_what_was_drawn_last() {
        let front = FakeFront::accepting();
        let display = front.cell(|| LiveDisplay::start(&text("first"))).unwrap();
        display.draw(|| Ok(text("second")));
        drop(display);
        assert_eq!(texts(&front), ["first", "second"]);
    }

    #[test]
    fn drawings_have_the_language_of_the_cell() {
        let front = FakeFront::accepting();
        let start = || LiveDisplay::start(&text(""));
        let display = front
            .cell(|| with_language(Language::Japanese, start))
            .unwrap();
        display.draw(|| Ok(text(crate::language::translated("epoch", "エポック"))));
        drop(display);
        assert_eq!(texts(&front), ["", "エポック"]);
    }

    #[test]
    fn there_is_no_display_without_a_front_or_in_other_threads() {
        assert!(LiveDisplay::start(&text("")).is_none());
        let front = FakeFront::accepting();
        assert!(
            front
                .other_thread(|| LiveDisplay::start(&text("")))
                .is_none()
        );
        assert!(front.messages().is_empty());
    }
}
