use super::super::front::tests::FakeFront;
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
    assert_eq!(display_output(None, &three(), &DisplayId::new()), BLOCKS);
    assert_eq!(result_output(None, &three()), BLOCKS);
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
    let lenet = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
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
fn content_without_markers_is_unchanged() {
    let values = vec![("text/plain", "a\n\nb EVCXR_END_CONTENT\r\n".to_owned())];
    let (read, _) = read(&blocks(&values));
    assert_eq!(
        read,
        [("text/plain".into(), "a\n\nb EVCXR_END_CONTENT\n".into())]
    );
}

#[test]
fn a_result_ends_the_line_before_it() {
    let front = FakeFront::without_socket().on_thread(true);
    let expected = format!("\u{1}front flush\n{BLOCKS}");
    assert_eq!(result_output(Some(front), &three()), expected);
}

#[test]
fn a_value_appears_where_its_marker_is_printed() {
    let front = FakeFront::accepting();
    let id = DisplayId::new();
    let printed = display_output(Some(front.on_thread(true)), &three(), &id);
    let [message] = &front.messages()[..] else {
        panic!("one message is sent");
    };
    assert_eq!(
        printed,
        format!("\u{1}front display {}\n", message["number"])
    );
    assert!(message["number"].is_u64());
    assert_eq!(message["kind"], "display");
    assert_eq!(message["update"], false);
    assert_eq!(message["id"], id.0.as_str());
    let data = json!({"text/html": "<b>3</b>", "text/plain": "3"});
    assert_eq!(message["data"], data);
    assert_eq!(message["metadata"], json!({}));
}

#[test]
fn values_of_other_threads_have_no_place_in_the_output() {
    let front = FakeFront::accepting();
    let printed = display_output(Some(front.on_thread(false)), &three(), &DisplayId::new());
    assert_eq!(printed, "");
    assert!(front.messages()[0].get("number").is_none());
}

#[test]
fn evcxr_shows_the_value_if_the_front_has_ended() {
    let front = FakeFront::without_socket().on_thread(true);
    let printed = display_output(Some(front), &three(), &DisplayId::new());
    assert_eq!(printed, format!("\u{1}front flush\n{BLOCKS}"));
}

#[test]
fn a_handle_updates_what_it_has_shown() {
    let front = FakeFront::accepting();
    front.cell(|| {
        let handle = display(&Three);
        handle.update(&Three);
        handle.update(&Nothing);
        DisplayHandle::new().update(&Three);
    });
    let messages = front.messages();
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
fn options_and_results_show_their_value() {
    let plain = |value: &dyn Show| value.representations().unwrap();
    assert_eq!(plain(&Some(Three)), plain(&Three));
    assert_eq!(plain(&None::<Three>), [("text/plain", "None".to_owned())]);
    assert_eq!(plain(&Ok::<_, String>(Three)), plain(&Three));
    let failed = tch::Tensor::from(3).f_view([7]);
    let message = "Err: shape '[7]' is invalid for input of size 1";
    assert_eq!(plain(&failed), [("text/plain", message.to_owned())]);
}

#[test]
fn a_value_can_be_shown_several_times() {
    let front = FakeFront::accepting();
    front.cell(|| {
        Three.show();
        Three.show();
        Nothing.show();
    });
    let messages = front.messages();
    assert_eq!(messages.len(), 2);
    assert_ne!(messages[0]["number"], messages[1]["number"]);
    assert_ne!(messages[0]["id"], messages[1]["id"]);
}
