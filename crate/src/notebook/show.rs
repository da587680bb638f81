//! Values show themselves in a notebook: at the end of a cell, anywhere in it, and in place.

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::front::{Front, marker, unique};
use crate::error::{Result, without_frames};

/// A value in several formats, each a MIME type and the content; binary content in base64. The
/// notebook shows the richest that it understands.
pub type Representations = Vec<(&'static str, String)>;

/// What shows itself in a notebook.
///
/// A type of one's own needs one function:
///
/// ```
/// use gasshuku::notebook::{Show, show::Representations};
///
/// struct Temperature(f64);
///
/// impl Show for Temperature {
///     fn representations(&self) -> gasshuku::Result<Representations> {
///         let degrees = self.0;
///         Ok(vec![
///             ("text/html", format!("<b>{degrees} °C</b>")),
///             ("text/plain", format!("{degrees} °C")),
///         ])
///     }
/// }
///
/// Temperature(21.5).show();
/// ```
pub trait Show {
    /// The value as the notebook is to show it.
    ///
    /// # Errors
    /// Why there is nothing to be seen; the notebook shows the reason then.
    fn representations(&self) -> Result<Representations>;

    /// Shows the value at this place of the cell's output.
    ///
    /// The kernel by itself shows values at the end of the cell, and the last one only.
    fn show(&self) {
        present(self.representations(), &Identity::new());
    }

    /// Shows the value as the cell's result; evcxr calls this for the last expression.
    fn evcxr_display(&self) {
        match self.representations() {
            Ok(representations) => print!("{}", result(Front::current(), &representations)),
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// The value; `None` where there is none.
impl<T: Show> Show for Option<T> {
    fn representations(&self) -> Result<Representations> {
        match self {
            Some(value) => value.representations(),
            None => Ok(vec![("text/plain", "None".into())]),
        }
    }
}

/// The value, or the error's words.
impl<T: Show, E: Display> Show for std::result::Result<T, E> {
    fn representations(&self) -> Result<Representations> {
        match self {
            Ok(value) => value.representations(),
            Err(error) => {
                let words = without_frames(&error.to_string());
                Ok(vec![("text/plain", format!("Err: {words}"))])
            }
        }
    }
}

/// Shows a value at this place of the cell's output, where another may take its place:
///
/// ```
/// use gasshuku::prelude::*;
/// let numbers = display(&Tensor::from_slice(&[1.0, 2.0]));
/// numbers.update(&Tensor::from_slice(&[3.0, 4.0]));
/// ```
///
/// See [`DisplayHandle`].
pub fn display(value: &dyn Show) -> DisplayHandle {
    let handle = DisplayHandle::new();
    handle.display(value);
    handle
}

/// A place in the notebook whose value can be replaced, named as IPython's.
///
/// The kernel by itself cannot replace what it has shown: it keeps the first value.
#[derive(Clone, Debug)]
pub struct DisplayHandle {
    identity: Identity,
}

impl Default for DisplayHandle {
    fn default() -> Self {
        DisplayHandle::new()
    }
}

impl DisplayHandle {
    /// A place for a value; [`display`](DisplayHandle::display) says where.
    pub fn new() -> DisplayHandle {
        DisplayHandle {
            identity: Identity::new(),
        }
    }

    /// Shows a value at this place of the cell's output. Updates reach all places at which this was
    /// called.
    pub fn display(&self, value: &dyn Show) {
        present(value.representations(), &self.identity);
    }

    /// Shows another value in the place of the last one, from any cell or thread. A picture takes
    /// some milliseconds: a few times a second is as often as anybody can see.
    pub fn update(&self, value: &dyn Show) {
        if let Some(front) = Front::current() {
            replace(&front, &self.identity, value.representations());
        }
    }

    /// Nothing: as the last expression of a cell it has shown its value already.
    pub fn evcxr_display(&self) {}
}

/// What later updates call a place in the notebook.
#[derive(Clone, Debug)]
pub(super) struct Identity(String);

impl Identity {
    pub(super) fn new() -> Identity {
        Identity(format!("gasshuku-{}-{}", std::process::id(), unique()))
    }

    fn message(&self, values: &Representations, number: Option<u64>, is_update: bool) -> Value {
        let data: Map<String, Value> = values
            .iter()
            .map(|(mime, content)| (mime.to_string(), content.as_str().into()))
            .collect();
        let mut message = json!({
            "kind": "display",
            "update": is_update,
            "id": self.0,
            "data": data,
            "metadata": {},
        });
        if let Some(number) = number {
            message["number"] = number.into();
        }
        message
    }
}

/// Shows another value in the place of the last one.
pub(super) fn replace(front: &Front, identity: &Identity, values: Result<Representations>) {
    match values {
        // It may be gone, and what was shown stays.
        Ok(values) => drop(front.send(&identity.message(&values, None, true))),
        Err(error) => eprintln!("{error}"),
    }
}

fn present(values: Result<Representations>, identity: &Identity) {
    match values {
        Ok(values) => print!("{}", place(Front::current(), &values, identity)),
        Err(error) => eprintln!("{error}"),
    }
}

/// What is printed for a value to appear here.
pub(super) fn place(front: Option<Front>, values: &Representations, identity: &Identity) -> String {
    let Some(front) = front else {
        return blocks(values);
    };
    // Only what cells print has an order.
    let number = front.is_cells_thread().then(unique);
    match (front.send(&identity.message(values, number, false)), number) {
        (Ok(()), Some(number)) => marker(&format!("display {number}")),
        (Ok(()), None) => String::new(),
        (Err(_), _) => result(Some(front), values),
    }
}

/// What is printed for a value to become the cell's result.
fn result(front: Option<Front>, values: &Representations) -> String {
    // Or a line without an end would go into the block.
    let flush = front.map(|_| marker("flush")).unwrap_or_default();
    flush + &blocks(values)
}

/// What evcxr reads of them. It keeps one block of each MIME type per cell.
pub(crate) fn blocks(values: &Representations) -> String {
    values
        .iter()
        .map(|(mime, content)| {
            let content = harmless(content);
            format!("EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT\n")
        })
        .collect()
}

/// The content without what evcxr or the front would take for a word of their own. A class may be
/// called so: its name is a folder's, and may have line breaks.
fn harmless(content: &str) -> Cow<'_, str> {
    if !content.contains(['\u{1}']) && !content.contains("EVCXR_") {
        return content.into();
    }
    let lines: Vec<Cow<str>> = content
        .split('\n')
        .map(|line| match line.starts_with("EVCXR_") {
            true => format!(" {line}").into(),
            false => line.into(),
        })
        .collect();
    lines.join("\n").replace('\u{1}', "\u{2401}").into()
}

#[cfg(test)]
mod tests {
    use super::super::front::tests::Stage;
    use super::*;
    use crate::define::{LeNet, LeNetSettings, summary};
    use crate::error::Error;
    use crate::load::Dataset;
    use crate::notebook::table::Table;
    use crate::visualize;
    use tch::{Device, Kind, Tensor};

    const BLOCKS: &str = "EVCXR_BEGIN_CONTENT text/html\n<b>3</b>\nEVCXR_END_CONTENT\n\
                          EVCXR_BEGIN_CONTENT text/plain\n3\nEVCXR_END_CONTENT\n";

    struct Three;

    impl Show for Three {
        fn representations(&self) -> Result<Representations> {
            Ok(vec![
                ("text/html", "<b>3</b>".into()),
                ("text/plain", "3".into()),
            ])
        }
    }

    struct Nothing;

    impl Show for Nothing {
        fn representations(&self) -> Result<Representations> {
            Err(Error::Data("nothing to be seen".into()))
        }
    }

    fn three() -> Representations {
        Three.representations().unwrap()
    }

    #[test]
    fn without_a_front_evcxr_gets_its_blocks() {
        assert_eq!(place(None, &three(), &Identity::new()), BLOCKS);
        assert_eq!(result(None, &three()), BLOCKS);
    }

    /// What evcxr 0.22 reads: the blocks' content, and the lines between them.
    fn read(printed: &str) -> (Vec<(String, String)>, Vec<&str>) {
        let (mut blocks, mut between) = (Vec::new(), Vec::new());
        let mut lines = printed.lines();
        while let Some(line) = lines.next() {
            match line.strip_prefix("EVCXR_BEGIN_CONTENT ") {
                Some(mime) => {
                    let content = lines
                        .by_ref()
                        .take_while(|&line| line != "EVCXR_END_CONTENT");
                    let content: Vec<&str> = content.collect();
                    blocks.push((mime.to_owned(), content.join("\n")));
                }
                None => between.push(line),
            }
        }
        (blocks, between)
    }

    #[test]
    fn no_name_ends_a_block_or_begins_another() {
        const NAME: &str = "cat\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/html\n<script>\n\
                            EVCXR_PANIC_NOTIFICATION\n\u{1}front flush\nEVCXR_END_CONTENT\r\n";
        let mut table = Table::new(NAME, &[NAME]);
        table.row([NAME.into()]);
        let series = visualize::LineSeries {
            name: NAME.into(),
            points: vec![(1.0, 1.0), (2.0, 2.0)],
        };
        let caption = visualize::line_plot(NAME, &[series], &Default::default()).unwrap();
        let lenet = LeNet::new(&LeNetSettings::table(), Device::Cpu).unwrap();
        let mut layers = summary(&lenet, [3, 32, 32]).unwrap();
        layers.layers[0].layer = NAME.into();
        let images = Tensor::zeros([2, 1, 4, 4], (Kind::Uint8, Device::Cpu));
        let labels = Tensor::from_slice(&[0_i64, 1]);
        let dataset = Dataset::new(&images, &labels, &[NAME, "dog"]).unwrap();
        let classes = dataset.show(&[0, 1]).unwrap();
        let error: std::result::Result<Three, String> = Err(NAME.into());
        let shown: [&dyn Show; 5] = [&table, &caption, &layers, &classes, &error];
        for value in shown {
            let values = value.representations().unwrap();
            let printed = blocks(&values);
            let (read, between) = read(&printed);
            assert_eq!(between, [""; 0]);
            let mimes: Vec<&str> = read.iter().map(|(mime, _)| &mime[..]).collect();
            let expected: Vec<&str> = values.iter().map(|(mime, _)| *mime).collect();
            assert_eq!(mimes, expected);
            assert!(!printed.contains('\u{1}'), "{printed}");
            assert_eq!(printed.matches("\nEVCXR_PANIC").count(), 0, "{printed}");
        }
    }

    #[test]
    fn content_without_such_words_is_left_as_it_is() {
        let values = vec![("text/plain", "a\n\nb EVCXR_END_CONTENT\r\n".to_owned())];
        let (read, _) = read(&blocks(&values));
        assert_eq!(
            read,
            [("text/plain".into(), "a\n\nb EVCXR_END_CONTENT\n".into())]
        );
    }

    #[test]
    fn a_result_ends_the_line_before_it() {
        let front = Stage::deserted().front(true);
        let expected = format!("\u{1}front flush\n{BLOCKS}");
        assert_eq!(result(Some(front), &three()), expected);
    }

    #[test]
    fn a_value_appears_where_its_marker_is_printed() {
        let stage = Stage::attentive();
        let identity = Identity::new();
        let printed = place(Some(stage.front(true)), &three(), &identity);
        let [message] = &stage.messages()[..] else {
            panic!("one message is sent");
        };
        assert_eq!(
            printed,
            format!("\u{1}front display {}\n", message["number"])
        );
        assert!(message["number"].is_u64());
        assert_eq!(message["kind"], "display");
        assert_eq!(message["update"], false);
        assert_eq!(message["id"], identity.0.as_str());
        let data = json!({"text/html": "<b>3</b>", "text/plain": "3"});
        assert_eq!(message["data"], data);
        assert_eq!(message["metadata"], json!({}));
    }

    #[test]
    fn what_another_thread_shows_has_no_place_among_the_lines() {
        let stage = Stage::attentive();
        let printed = place(Some(stage.front(false)), &three(), &Identity::new());
        assert_eq!(printed, "");
        assert!(stage.messages()[0].get("number").is_none());
    }

    #[test]
    fn a_front_that_is_gone_leaves_it_to_evcxr() {
        let front = Stage::deserted().front(true);
        let printed = place(Some(front), &three(), &Identity::new());
        assert_eq!(printed, format!("\u{1}front flush\n{BLOCKS}"));
    }

    #[test]
    fn a_handle_updates_what_it_has_shown() {
        let stage = Stage::attentive();
        stage.cell(|| {
            let handle = display(&Three);
            handle.update(&Three);
            handle.update(&Nothing);
            DisplayHandle::new().update(&Three);
        });
        let messages = stage.messages();
        let [shown, updated, other] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(
            (&shown["update"], &updated["update"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(shown["id"], updated["id"]);
        assert!(updated.get("number").is_none());
        assert_ne!(other["id"], shown["id"]);
    }

    #[test]
    fn what_may_be_missing_is_shown_if_it_is_there() {
        let plain = |value: &dyn Show| value.representations().unwrap();
        assert_eq!(plain(&Some(Three)), plain(&Three));
        assert_eq!(plain(&None::<Three>), [("text/plain", "None".to_owned())]);
        assert_eq!(plain(&Ok::<_, String>(Three)), plain(&Three));
        let refused = tch::Tensor::from(3).f_view([7]);
        let words = "Err: shape '[7]' is invalid for input of size 1";
        assert_eq!(plain(&refused), [("text/plain", words.to_owned())]);
    }

    #[test]
    fn a_value_may_be_shown_as_often_as_wanted() {
        let stage = Stage::attentive();
        stage.cell(|| {
            Three.show();
            Three.show();
            Nothing.show();
        });
        let messages = stage.messages();
        assert_eq!(messages.len(), 2);
        assert_ne!(messages[0]["number"], messages[1]["number"]);
        assert_ne!(messages[0]["id"], messages[1]["id"]);
    }
}
