//! A display that follows some work: drawn beside it, a few times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::front::Front;
use super::show::{Identity, Representations, place, replace};
use crate::error::Result;
use crate::language::{Language, with_language};

/// Updates come no closer than this: five a second.
const EVERY: Duration = Duration::from_millis(200);

/// A drawing that takes long comes less often: it has a hundredth of one processor's time.
const REST: u32 = 100;

/// What there is to see at some moment, still to be drawn.
type Drawing = Box<dyn FnOnce() -> Result<Representations> + Send>;

/// A place in the running cell's output whose value a thread of its own draws and replaces.
pub(crate) struct LiveDisplay {
    front: Front,
    identity: Identity,
    begun: Instant,
    /// Milliseconds after the beginning from which another drawing is wanted; never, while one is
    /// being made.
    wanted_from: Arc<AtomicU64>,
    /// `None` once the display has ended.
    drawings: Option<Sender<Drawing>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveDisplay {
    /// Shows a first value here. `None` where nothing can be replaced: without the front, and in
    /// threads that belong to no cell.
    pub(crate) fn start(first: &Representations) -> Option<LiveDisplay> {
        let front = Front::current().filter(Front::is_cells_thread)?;
        let identity = Identity::new();
        print!("{}", place(Some(front.clone()), first, &identity));
        let (drawings, to_draw) = channel::<Drawing>();
        let begun = Instant::now();
        let wanted_from = Arc::new(AtomicU64::new(millis(EVERY)));
        let (screen, place, next) = (front.clone(), identity.clone(), wanted_from.clone());
        let language = Language::current();
        let work = move || {
            for drawing in to_draw {
                let start = Instant::now();
                replace(&screen, &place, with_language(language, drawing));
                let rest = EVERY.max(start.elapsed() * REST);
                next.store(millis(begun.elapsed() + rest), Ordering::Relaxed);
            }
        };
        let thread = thread::Builder::new().name("display".into()).spawn(work);
        Some(LiveDisplay {
            front,
            identity,
            begun,
            wanted_from,
            drawings: Some(drawings),
            thread: thread.ok(),
        })
    }

    /// Whether it is time for another drawing.
    pub(crate) fn wants(&self) -> bool {
        millis(self.begun.elapsed()) >= self.wanted_from.load(Ordering::Relaxed)
    }

    /// Has this drawn next.
    pub(crate) fn draw(&self, drawing: impl FnOnce() -> Result<Representations> + Send + 'static) {
        self.wanted_from.store(u64::MAX, Ordering::Relaxed);
        if let Some(drawings) = &self.drawings {
            // The thread ends with this display, not before.
            let _ = drawings.send(Box::new(drawing));
        }
    }

    /// Shows the last value, and returns when it is on its way.
    pub(crate) fn end(mut self, last: Result<Representations>) {
        self.wait();
        replace(&self.front, &self.identity, last);
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
    use super::super::front::tests::Stage;
    use super::*;

    fn text(text: &str) -> Representations {
        vec![("text/plain", text.into())]
    }

    fn texts(stage: &Stage) -> Vec<String> {
        let messages = stage.messages();
        let id = messages[0]["id"].clone();
        assert!(messages.iter().all(|message| message["id"] == id));
        let shown =
            |message: &serde_json::Value| message["data"]["text/plain"].as_str().map(str::to_owned);
        messages.iter().filter_map(shown).collect()
    }

    #[test]
    fn drawings_replace_each_other_in_order() {
        let stage = Stage::attentive();
        let display = stage.cell(|| LiveDisplay::start(&text("first"))).unwrap();
        assert!(!display.wants(), "it has just begun");
        display.draw(|| Ok(text("second")));
        assert!(!display.wants(), "one is being made");
        display.end(Ok(text("last")));
        assert_eq!(texts(&stage), ["first", "second", "last"]);
    }

    #[test]
    fn a_display_that_is_dropped_keeps_what_was_drawn_last() {
        let stage = Stage::attentive();
        let display = stage.cell(|| LiveDisplay::start(&text("first"))).unwrap();
        display.draw(|| Ok(text("second")));
        drop(display);
        assert_eq!(texts(&stage), ["first", "second"]);
    }

    #[test]
    fn drawings_speak_the_language_of_the_cell() {
        let stage = Stage::attentive();
        let start = || LiveDisplay::start(&text(""));
        let display = stage
            .cell(|| with_language(Language::Japanese, start))
            .unwrap();
        display.draw(|| Ok(text(crate::language::translated("epoch", "エポック"))));
        drop(display);
        assert_eq!(texts(&stage), ["", "エポック"]);
    }

    #[test]
    fn there_is_none_without_a_front_and_in_other_threads() {
        assert!(LiveDisplay::start(&text("")).is_none());
        let stage = Stage::attentive();
        assert!(
            stage
                .other_thread(|| LiveDisplay::start(&text("")))
                .is_none()
        );
        assert!(stage.messages().is_empty());
    }
}
