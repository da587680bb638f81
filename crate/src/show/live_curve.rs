//! A curve that grows while a loop runs.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::Result;
use crate::notebook::live::LiveDisplay;
use crate::notebook::progress::LINE_INTERVAL;
use crate::notebook::show::{Representations, Show};
use crate::visualize;

/// A curve in the notebook that grows as values are pushed to it, such as the loss of each step. The
/// values are drawn faintly, and their running mean over about fifty steps above them.
///
/// ```
/// use gasshuku::prelude::*;
/// let mut curve = LiveCurve::new("loss");
/// for step in 1..=100 {
///     curve.push(1.0 / f64::from(step));
/// }
/// assert_eq!(curve.values().len(), 100);
/// ```
///
/// It appears where the first value is pushed, and is drawn anew at most five times a second. In a
/// terminal there is a line every five seconds.
pub struct LiveCurve {
    quantity: String,
    values: Arc<Mutex<Vec<f64>>>,
    // In a RefCell, because evcxr shows values by reference.
    display: RefCell<Option<LiveDisplay>>,
    last_line: Instant,
}

impl LiveCurve {
    /// A curve of this quantity.
    pub fn new(quantity: &str) -> LiveCurve {
        LiveCurve {
            quantity: quantity.to_owned(),
            values: Arc::default(),
            display: RefCell::default(),
            last_line: Instant::now(),
        }
    }

    /// The value of the next step.
    pub fn push(&mut self, value: f64) {
        let count = {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.push(value);
            values.len()
        };
        let display = self.display.get_mut();
        if count == 1 {
            let first = drawing(&self.quantity, &self.values)();
            *display = first.ok().and_then(|first| LiveDisplay::start(&first));
        }
        match display {
            Some(display) if display.is_due() => {
                display.draw(drawing(&self.quantity, &self.values));
            }
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                println!("{count}: {} {value:.4}", self.quantity);
            }
            _ => {}
        }
    }

    /// All values so far.
    pub fn values(&self) -> Vec<f64> {
        let values = self.values.lock();
        values.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Draws the curve for the last time. Returns whether it had been drawn before.
    fn end(&self) -> bool {
        let display = self.display.take();
        let was_drawn = display.is_some();
        if let Some(display) = display {
            display.end(self.representations());
        }
        was_drawn
    }

    /// As the last expression of the cell in which it grows, the curve is drawn there for the last time;
    /// in another cell it shows itself.
    pub fn evcxr_display(&self) {
        if !self.end() {
            Show::evcxr_display(self);
        }
    }
}

/// Draws the curve of the values so far, when it is called.
fn drawing(
    quantity: &str,
    values: &Arc<Mutex<Vec<f64>>>,
) -> impl FnOnce() -> Result<Representations> + Send + 'static {
    let (quantity, values) = (quantity.to_owned(), values.clone());
    move || {
        // Copied, so that the loop does not wait for the drawing.
        let values = values
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let figure = visualize::step_curve(&quantity, &values)?;
        let words = figure.alt_text().to_owned();
        Ok(vec![("text/html", figure.image()?), ("text/plain", words)])
    }
}

/// The curve as it is.
impl Show for LiveCurve {
    fn representations(&self) -> Result<Representations> {
        visualize::step_curve(&self.quantity, &self.values())?.representations()
    }
}

impl Drop for LiveCurve {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::front::tests::FakeFront;

    #[test]
    fn a_curve_appears_with_its_first_value_and_ends_with_its_last() {
        let front = FakeFront::accepting();
        front.cell(|| {
            let mut curve = LiveCurve::new("loss");
            assert!(front.messages().is_empty());
            curve.push(4.0);
            curve.push(4.0);
            curve.evcxr_display();
        });
        let messages = front.messages();
        let words = |index: usize| messages[index]["data"]["text/plain"].as_str().unwrap();
        assert_eq!(words(0), "loss over 1 step, at last 4.00, smoothed.");
        let last = messages.len() - 1;
        assert_eq!(words(last), "loss over 2 steps, at last 4.00, smoothed.");
        let html = messages[last]["data"]["text/html"].as_str().unwrap();
        assert!(html.contains("data:image/svg+xml"), "what stays is sharp");
        assert!(
            messages
                .iter()
                .all(|message| message["id"] == messages[0]["id"])
        );
    }

    #[test]
    fn a_curve_that_cannot_be_drawn_yet_is_silent() {
        let front = FakeFront::accepting();
        front.cell(|| {
            let mut curve = LiveCurve::new("loss");
            curve.push(f64::NAN);
            curve.push(1.0);
            assert_eq!(curve.values().len(), 2);
        });
        assert!(front.messages().is_empty());
    }
}
