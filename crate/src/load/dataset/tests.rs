use super::*;
use crate::notebook::front::tests::FakeFront;

fn three_images() -> Dataset {
    let images = Tensor::from_slice(&[0u8, 255, 51, 102, 153, 204]).reshape([3, 1, 1, 2]);
    let labels = Tensor::from_slice(&[1i64, 0, 1]);
    Dataset::new(&images, &labels, &["left", "right"]).unwrap()
}

fn error(images: Tensor, labels: &[i64]) -> String {
    Dataset::new(&images, &Tensor::from_slice(labels), &["left", "right"])
        .expect_err("bad data")
        .to_string()
}

#[test]
fn the_last_batch_may_be_smaller_but_not_a_single_image() {
    let dataset = three_images().select(&[0, 1, 2, 0, 1]).unwrap();
    let sizes = |batch_size| -> Vec<i64> {
        let batches = dataset.batches(batch_size).unwrap();
        let expected = batches.len();
        let sizes: Vec<i64> = batches.map(|(images, _)| images.size()[0]).collect();
        assert_eq!(sizes.len(), expected, "batches of {batch_size}");
        sizes
    };
    assert_eq!(sizes(3), [3, 2]);
    assert_eq!(sizes(2), [2, 3]);
    assert_eq!(sizes(4), [5]);
    assert_eq!(sizes(1), [1; 5]);
    assert_eq!(sizes(100), [5]);
    assert_eq!(sizes(usize::MAX), [5]);
}

#[test]
fn shuffling_keeps_images_and_labels_together_and_follows_the_seed() {
    let count = 1000;
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
    let images = labels
        .remainder(256)
        .to_kind(Kind::Uint8)
        .reshape([count, 1, 1, 1]);
    let classes: Vec<String> = (0..count).map(|class| class.to_string()).collect();
    let dataset = Dataset::new(&images, &labels, &classes).unwrap();
    let order = |seed| -> Vec<i64> {
        dataset
            .shuffled_batches(64, seed)
            .unwrap()
            .flat_map(|(images, labels)| {
                let bytes = ((images + 1.0) * 127.5)
                    .round()
                    .to_kind(Kind::Int64)
                    .flatten(0, -1);
                assert_eq!(bytes, labels.remainder(256));
                Vec::<i64>::try_from(labels).unwrap()
            })
            .collect()
    };
    let first = order(1);
    assert_eq!(first, order(1));
    assert_ne!(first, order(2));
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..count).collect::<Vec<_>>());
}

#[test]
fn images_are_found_by_index_and_class() {
    let dataset = three_images();
    assert_eq!(dataset.class(1).unwrap(), "left");
    assert_eq!(dataset.class_counts(), [1, 2]);
    assert_eq!(dataset.indices_of("right", 5).unwrap(), [0, 2]);
    assert_eq!(dataset.indices_of("right", 1).unwrap(), [0]);
    let selected = dataset.select(&[2, 0]).unwrap();
    assert_eq!(
        Vec::<u8>::try_from(selected.images.flatten(0, -1)).unwrap(),
        [153, 204, 0, 255]
    );
}

#[test]
fn a_class_is_found_however_its_letters_are_composed() {
    // ä and が, each as one character and as two.
    let (composed, decomposed) = ["K\u{e4}fer", "\u{304c}"]
        .into_iter()
        .zip(["Ka\u{308}fer", "\u{304b}\u{3099}"])
        .unzip::<_, _, Vec<_>, Vec<_>>();
    for names in [&composed, &decomposed] {
        let mut dataset = three_images();
        let classes: Vec<String> = names.iter().map(ToString::to_string).collect();
        dataset = Dataset::new(&dataset.images, &dataset.labels, &classes).unwrap();
        assert_eq!(dataset.info.classes, composed);
        // As in a file of weights from another program.
        dataset.info.classes = decomposed.iter().map(ToString::to_string).collect();
        for asked in [&composed, &decomposed] {
            assert_eq!(dataset.class_index(asked[1]).unwrap(), 1);
            assert_eq!(dataset.indices_of(asked[0], 5).unwrap(), [1]);
        }
    }
}

#[test]
fn unknown_images_and_classes_are_errors() {
    let dataset = three_images();
    let message = dataset.image(3).expect_err("three images").to_string();
    assert_eq!(message, "there is no image 3: there are 3, counted from 0");
    let message = dataset
        .indices_of("middle", 1)
        .expect_err("no such class")
        .to_string();
    assert_eq!(
        message,
        "there is no class `middle`; there are: left, right"
    );
    assert!(dataset.select(&[0, 9]).is_err());
    let message = dataset.batches(0).expect_err("no batch").to_string();
    assert_eq!(
        message,
        "batch_size is 0, but a batch holds at least 1 image"
    );
    let empty = dataset.select(&[]).unwrap();
    assert!(empty.is_empty());
    assert_eq!(
        empty.batches(1).expect_err("empty").to_string(),
        "there are no images in this data set"
    );
}

#[test]
fn data_that_does_not_fit_together_is_an_error() {
    let images = || Tensor::zeros([2, 1, 4, 4], (Kind::Uint8, Device::Cpu));
    assert!(error(images(), &[0]).starts_with("there are 2 images but 1 labels"));
    assert!(error(images(), &[0, 2]).starts_with("image 1 has label 2, but there are 2 classes"));
    assert!(error(images(), &[-1, 0]).starts_with("image 0 has label -1"));
    assert_eq!(
        error(images(), &[1, 2]),
        "labels count from 0; these run from 1 to 2: subtract 1"
    );
    let message = |labels: [i64; 2], classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
        let error = Dataset::new(&images(), &Tensor::from_slice(&labels), &classes);
        error.expect_err("bad data").to_string()
    };
    assert_eq!(
        message([0, 0], &[]),
        "image 0 has label 0, but there are no classes; give their names"
    );
    assert_eq!(
        message([0, 2], &["one"]),
        "image 1 has label 2, but there is one class, labelled 0"
    );
    assert!(error(images().squeeze_dim(1), &[0, 1]).contains("of shape [2, 4, 4]"));
    assert!(error(images().to_kind(Kind::Float), &[0, 1]).contains("these are Float"));
}

#[test]
fn batches_end_at_an_interrupt_until_the_cell_ends() {
    let (dataset, front) = (three_images(), FakeFront::without_socket());
    front.cell(|| {
        let mut batches = dataset.batches(1).unwrap();
        assert!(batches.next().is_some());
        front.interrupt();
        assert_eq!(batches.len(), 2);
        assert!(batches.next().is_none());
        assert_eq!(batches.len(), 0);
        assert_eq!(dataset.batches(1).unwrap().count(), 0);
    });
    assert_eq!(
        dataset.batches(1).unwrap().count(),
        3,
        "the next cell is not stopped"
    );
}

#[test]
fn batches_of_another_thread_are_not_stopped() {
    let (dataset, front) = (three_images(), FakeFront::without_socket());
    front.interrupt();
    front.other_thread(|| assert_eq!(dataset.batches(1).unwrap().count(), 3));
}
