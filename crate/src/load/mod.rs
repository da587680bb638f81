//! Step 1, load: images and labels as tensors.
//!
//! - [`source`]: Fashion-MNIST, MNIST and KMNIST: where they come from
//! - [`download`]: fetching what is missing
//! - [`idx`]: the file format they share
//! - [`folder`]: images of one's own, in a folder for each class
//! - [`image_file`]: an image file as a model wants it
//! - `decode`: its bytes as pixels
//! - `resize`: pixels at another size
//! - `parts`: a [`Dataset`] in two parts, or with equally many images of each class
//! - here: the [`Dataset`] made of them, and its mini-batches

mod decode;
pub mod download;
pub mod folder;
pub mod idx;
pub mod image_file;
mod info;
mod resize;
pub mod source;
mod split;

use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use tch::{Device, IndexOp, Kind, Tensor};
use unicode_normalization::UnicodeNormalization;

pub use folder::{ImageFolder, SkippedFile, load_folder};
pub use image_file::{read_image, write_image};
pub use source::{Source, Split, fashion_mnist, kmnist, mnist};

use crate::error::{Error, Result};
use crate::language::translate;
use crate::notebook::interrupt::stop_requested;
use crate::notebook::live::LiveDisplay;
use crate::notebook::progress::Bar;
use crate::path::expanded;
use crate::text::with_commas;
use idx::{Idx, read_idx};

/// Images and their labels, as bytes, on one device.
#[derive(Debug)]
pub struct Dataset {
    /// The images, `[N, C, H, W]`, `u8`, 0 (black) to 255 (white).
    pub images: Tensor,
    /// The class of each image, `[N]`, `i64`, 0 to the number of classes − 1.
    pub labels: Tensor,
    /// What a model must know about these images.
    pub info: DatasetInfo,
}

/// What a model must know about the images it was trained on; saved with its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Shape of one image, `[C, H, W]`.
    pub image: [i64; 3],
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// How bytes become the numbers that a network sees.
    pub normalization: Normalization,
}

/// Pixels become (byte / 255 − mean) / deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Subtracted from each pixel, in [0, 1].
    pub mean: f64,
    /// Divides what is left, greater than 0.
    pub deviation: f64,
}

impl Default for Normalization {
    /// Mean 0.5, deviation 0.5: pixels in [−1, 1].
    fn default() -> Self {
        Normalization {
            mean: 0.5,
            deviation: 0.5,
        }
    }
}

impl Normalization {
    /// Bytes of any shape as floats: [0, 255] becomes [−1, 1] by default.
    pub fn apply(&self, bytes: &Tensor) -> Tensor {
        // One multiplication and one addition instead of three passes over the batch.
        let scale = 1.0 / (255.0 * self.deviation);
        bytes.to_kind(Kind::Float) * scale - self.mean / self.deviation
    }
}

/// The training or test images of a source, downloaded into `root` if they are not there.
///
/// The files lie in a folder of the source's own below `root`: `data/fashion-mnist`. A leading `~` is
/// the home folder.
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let training_set = load(&fashion_mnist(), "../data", Split::Train)?;
/// assert_eq!(training_set.images.size(), [60_000, 1, 28, 28]);
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// A folder that cannot be written, no mirror that answers, a damaged file, images and labels that
/// do not fit together, and [`Error::Interrupted`] at ■.
pub fn load(source: &Source, root: impl AsRef<Path>, split: Split) -> Result<Dataset> {
    load_below(source, root.as_ref(), split)
}

// Each cell that calls a generic function compiles all that is in it, so those of this crate hand on
// to one that is not: `load_model` took 0.7 s of its cell before, `load` 0.3 s.
fn load_below(source: &Source, root: &Path, split: Split) -> Result<Dataset> {
    let root = &*expanded(root)?;
    let mut report = Report::default();
    let files =
        download::download_missing(source, root, split, &mut |progress| report.tell(progress))?;
    let images = read_idx(&files.images, 3)?;
    let labels = read_idx(&files.labels, 1)?;
    Dataset::from_idx(
        images,
        labels,
        source.classes.iter().map(ToString::to_string).collect(),
    )
}

/// A download as a bar, which leaves a sentence; lines where nothing can be replaced.
#[derive(Default)]
struct Report {
    display: Option<LiveDisplay>,
}

impl Report {
    fn tell(&mut self, progress: &download::Progress) {
        let share = progress.received as f64 / progress.total.max(1) as f64;
        let bar = Bar::of(share, progress.to_string());
        if progress.received == 0 {
            self.display = LiveDisplay::start(&bar.representations());
        }
        match self.display.take() {
            None => println!("{}", bar.text),
            Some(display) if share >= 1.0 => display.end(Ok(bar.sentence())),
            Some(display) => {
                display.draw(move || Ok(bar.representations()));
                self.display = Some(display);
            }
        }
    }
}

impl Dataset {
    /// A data set of one's own, in the same memory as the tensors.
    ///
    /// `images` are `u8` `[N, C, H, W]`, `labels` `i64` `[N]` below the number of classes.
    ///
    /// # Errors
    /// [`Error::Data`] if shapes, kinds, counts or labels do not fit together.
    pub fn new(images: &Tensor, labels: &Tensor, classes: &[impl AsRef<str>]) -> Result<Dataset> {
        let classes = classes.iter().map(|name| name.as_ref().to_owned());
        Dataset::of_tensors(images, labels, classes.collect())
    }

    fn of_tensors(images: &Tensor, labels: &Tensor, classes: Vec<String>) -> Result<Dataset> {
        let image = image_shape(images)?;
        check_labels(images, labels, &classes)?;
        let info = DatasetInfo {
            image,
            classes: classes.iter().map(|name| composed(name)).collect(),
            normalization: Normalization::default(),
        };
        Ok(Dataset {
            images: images.shallow_clone(),
            labels: labels.shallow_clone(),
            info,
        })
    }

    fn from_idx(images: Idx, labels: Idx, classes: Vec<String>) -> Result<Dataset> {
        let [count, height, width] = images.shape[..] else {
            return Err(Error::Data("image files have three dimensions".into()));
        };
        let size = [count as i64, 1, height as i64, width as i64];
        let pixels = Tensor::f_from_data_size(&images.bytes, &size, Kind::Uint8)?;
        // Given back before the labels are made: the bytes stand in memory twice only here.
        drop(images);
        let labels = Tensor::f_from_slice(&labels.bytes)?.to_kind(Kind::Int64);
        Dataset::of_tensors(&pixels, &labels, classes)
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same data on another device; nothing is copied if it is there already.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has no room.
    pub fn to_device(&self, device: Device) -> Result<Dataset> {
        let moved = |tensor: &Tensor| tensor.f_to(device);
        Ok(Dataset {
            images: moved(&self.images)?,
            labels: moved(&self.labels)?,
            info: self.info.clone(),
        })
    }

    /// One image as a batch of one, `u8` `[1, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn image(&self, index: usize) -> Result<Tensor> {
        self.check_index(index)?;
        Ok(self.images.narrow(0, index as i64, 1))
    }

    /// The label of one image.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image, [`Error::Data`] for a label that was changed into that
    /// of no class.
    pub fn label(&self, index: usize) -> Result<usize> {
        self.check_index(index)?;
        self.checked_label(index, self.labels.int64_value(&[index as i64]))
    }

    /// The label, unless somebody has changed it into that of no class.
    fn checked_label(&self, index: usize, label: i64) -> Result<usize> {
        let count = self.info.classes.len();
        usize::try_from(label)
            .ok()
            .filter(|&label| label < count)
            .ok_or_else(|| no_class(index as i64, label, count as i64))
    }

    /// The name of the class of one image.
    ///
    /// # Errors
    /// Those of [`label`](Self::label).
    pub fn class(&self, index: usize) -> Result<&str> {
        Ok(&self.info.classes[self.label(index)?])
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.info.classes.len()];
        let labels = self.labels.to_device(Device::Cpu).to_kind(Kind::Int64);
        for label in Vec::<i64>::try_from(labels.flatten(0, -1)).unwrap_or_default() {
            // Anybody may have changed the labels: one of no class counts for none.
            let count = usize::try_from(label)
                .ok()
                .and_then(|label| counts.get_mut(label));
            if let Some(count) = count {
                *count += 1;
            }
        }
        counts
    }

    /// The first images of a class, by their index.
    ///
    /// # Errors
    /// [`Error::Name`] if there is no such class.
    pub fn indices_of(&self, class: &str, count: usize) -> Result<Vec<usize>> {
        let label = self.class_index(class)?;
        let found = self
            .labels
            .eq(label as i64)
            .nonzero()
            .flatten(0, -1)
            .to_device(Device::Cpu);
        Ok(Vec::<i64>::try_from(&found)?
            .into_iter()
            .take(count)
            .map(|index| index as usize)
            .collect())
    }

    /// The label of a class.
    ///
    /// # Errors
    /// [`Error::Name`] with the names that exist.
    pub fn class_index(&self, class: &str) -> Result<usize> {
        self.info.class_index(class)
    }

    /// The images of these indices, in their order.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn select(&self, indices: &[usize]) -> Result<Dataset> {
        for &index in indices {
            self.check_index(index)?;
        }
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        self.select_rows(&Tensor::from_slice(&indices))
    }

    /// The mini-batches of one epoch, in an order that depends on the seed alone.
    ///
    /// The last batch holds what is left. A single image that would be left joins the batch before it:
    /// batch normalisation finds no variance in one image.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch size of 0, [`Error::Data`] without images.
    pub fn shuffled_batches(&self, batch_size: usize, seed: u64) -> Result<Batches> {
        self.batches_in(shuffled(self.len(), seed)?, batch_size)
    }

    /// The mini-batches from the first image to the last.
    ///
    /// # Errors
    /// Those of [`shuffled_batches`](Self::shuffled_batches).
    pub fn batches(&self, batch_size: usize) -> Result<Batches> {
        let order = Tensor::f_arange(self.len() as i64, (Kind::Int64, Device::Cpu))?;
        self.batches_in(order, batch_size)
    }

    fn batches_in(&self, order: Tensor, batch_size: usize) -> Result<Batches> {
        if batch_size == 0 {
            return Err(Error::setting(
                "batch_size",
                batch_size,
                "a batch holds at least 1 image",
            ));
        }
        if self.is_empty() {
            return Err(Error::Data("there are no images in this data set".into()));
        }
        let order = order.f_to(self.images.device())?;
        Ok(Batches {
            images: self.images.shallow_clone(),
            labels: self.labels.shallow_clone(),
            normalization: self.info.normalization,
            order,
            batch_size: i64::try_from(batch_size).unwrap_or(i64::MAX),
            start: 0,
        })
    }

    /// Normalised images `[n, C, H, W]` and labels `[n]` of the indices `rows`, `[n]`.
    pub(crate) fn batch(&self, rows: &Tensor) -> (Tensor, Tensor) {
        batch(&self.images, &self.labels, self.info.normalization, rows)
    }

    pub(crate) fn select_rows(&self, indices: &Tensor) -> Result<Dataset> {
        let indices = indices.f_to(self.images.device())?;
        Ok(Dataset {
            images: self.images.f_index_select(0, &indices)?,
            labels: self.labels.f_index_select(0, &indices)?,
            info: self.info.clone(),
        })
    }

    fn check_index(&self, index: usize) -> Result<()> {
        if index < self.len() {
            Ok(())
        } else {
            Err(Error::Index {
                what: "image",
                index,
                count: self.len(),
            })
        }
    }
}

/// How many batches an epoch has: see [`Dataset::shuffled_batches`].
pub(crate) fn batches_per_epoch(images: usize, batch_size: usize) -> usize {
    let whole = images / batch_size;
    match images % batch_size {
        0 => whole,
        1 if whole > 0 => whole,
        _ => whole + 1,
    }
}

impl DatasetInfo {
    /// The label of a class.
    ///
    /// # Errors
    /// [`Error::Name`] with the names that exist.
    pub fn class_index(&self, class: &str) -> Result<usize> {
        let class = &composed(class);
        self.classes
            .iter()
            .position(|known| composed(known) == *class)
            .ok_or_else(|| Error::Name {
                what: "class",
                name: class.clone(),
                known: self.classes.clone(),
            })
    }
}

/// A name in Unicode's composed form (NFC). macOS and some archives write `ä` as two characters, an
/// `a` and its dots: it looks the same, and is another text.
fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// The mini-batches of a data set: pairs of normalised images `[n, C, H, W]` and labels `[n]`.
///
/// In a cell they end at ■, and say so: a loop over them keeps what it has done.
#[derive(Debug)]
pub struct Batches {
    // Not a reference to the data set: a notebook keeps no variable that borrows from another.
    images: Tensor,
    labels: Tensor,
    normalization: Normalization,
    order: Tensor,
    batch_size: i64,
    start: i64,
}

impl Batches {
    /// The indices of the next batch's images, `[n]`, to be handed to [`Dataset::batch`].
    pub(crate) fn next_rows(&mut self) -> Option<Tensor> {
        let left = self.order.size()[0] - self.start;
        if left <= 0 {
            return None;
        }
        let leaves_one = self.batch_size > 1 && left == self.batch_size.saturating_add(1);
        let count = match leaves_one {
            true => left,
            false => self.batch_size.min(left),
        };
        let rows = self.order.narrow(0, self.start, count);
        self.start += count;
        Some(rows)
    }

    /// The next batch, even after ■: for work that ends in a way of its own.
    pub(crate) fn next_batch(&mut self) -> Option<(Tensor, Tensor)> {
        let rows = self.next_rows()?;
        Some(batch(&self.images, &self.labels, self.normalization, &rows))
    }

    fn end_early(&mut self) {
        let (all, left) = (self.order.numel(), self.order.size()[0] - self.start);
        // Of loops within loops, only the one that was at work has something to say.
        if self.start > 0 && left > 0 {
            let done = with_commas(self.start as usize);
            let line = translate!(
                "stopped after {done} of {} images of this pass",
                "{done} / {} 枚まで進んだところで停止しました",
                with_commas(all)
            );
            println!("{line}");
        }
        self.start = self.order.size()[0];
    }
}

impl Iterator for Batches {
    type Item = (Tensor, Tensor);

    fn next(&mut self) -> Option<Self::Item> {
        if stop_requested() {
            self.end_early();
        }
        self.next_batch()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.size()[0] - self.start).max(0) as usize;
        let batches = batches_per_epoch(left, self.batch_size as usize);
        (batches, Some(batches))
    }
}

impl ExactSizeIterator for Batches {}

fn batch(
    images: &Tensor,
    labels: &Tensor,
    normalization: Normalization,
    rows: &Tensor,
) -> (Tensor, Tensor) {
    let images = images.index_select(0, rows);
    (normalization.apply(&images), labels.index_select(0, rows))
}

/// The numbers 0 to `count` − 1 in an order that depends on the seed alone, `[count]`, `i64`.
///
/// Not drawn from libtorch's generator: that one differs between devices, and anybody may have
/// used it before.
pub(crate) fn shuffled(count: usize, seed: u64) -> Result<Tensor> {
    let mut order: Vec<i64> = (0..count as i64).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    Ok(Tensor::f_from_slice(&order)?)
}

fn image_shape(images: &Tensor) -> Result<[i64; 3]> {
    match (images.kind(), &images.size()[..]) {
        (Kind::Uint8, &[_, channels, height, width]) => Ok([channels, height, width]),
        (kind, _) => Err(Error::Data(format!(
            "images must be bytes (Uint8) of shape [N, C, H, W], these are {kind:?} of shape {:?}",
            images.size()
        ))),
    }
}

fn check_labels(images: &Tensor, labels: &Tensor, classes: &[String]) -> Result<()> {
    if labels.kind() != Kind::Int64 || labels.dim() != 1 {
        return Err(Error::Data(format!(
            "labels must be integers (Int64) of shape [N], these are {:?} of shape {:?}",
            labels.kind(),
            labels.size()
        )));
    }
    let (images, labelled) = (images.size()[0], labels.size()[0]);
    if images != labelled {
        return Err(Error::Data(format!(
            "there are {images} images but {labelled} labels; are both files of the same split?"
        )));
    }
    let count = classes.len() as i64;
    let wrong = labels.lt(0).logical_or(&labels.ge(count)).nonzero();
    if wrong.size()[0] == 0 {
        return Ok(());
    }
    let (least, most) = (labels.min().int64_value(&[]), labels.max().int64_value(&[]));
    if (least, most) == (1, count) {
        return Err(Error::Data(format!(
            "labels count from 0; these run from 1 to {count}: subtract 1"
        )));
    }
    let index = wrong.i((0, 0)).int64_value(&[]);
    Err(no_class(index, labels.int64_value(&[index]), count))
}

fn no_class(index: i64, label: i64, count: i64) -> Error {
    Error::Data(match count {
        0 => format!("image {index} has label {label}, but there are no classes; give their names"),
        1 => format!("image {index} has label {label}, but there is one class, labelled 0"),
        _ => format!(
            "image {index} has label {label}, but there are {count} classes, labelled 0 to {}",
            count - 1
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::front::tests::Stage;

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
    fn pixels_are_normalised_to_minus_one_to_one() {
        let bytes = Tensor::from_slice(&[0u8, 51, 127, 204, 255]);
        let pixels = Vec::<f32>::try_from(Normalization::default().apply(&bytes)).unwrap();
        let expected = [-1.0, -0.6, 127.0 / 127.5 - 1.0, 0.6, 1.0];
        for (pixel, expected) in pixels.iter().zip(expected) {
            assert!((pixel - expected).abs() < 1e-6, "{pixel} beside {expected}");
        }
    }

    #[test]
    fn the_last_smaller_batch_is_not_dropped_and_one_image_is_not_left_alone() {
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
        // An ä of one character, and of two: a letter and its dots. Two ways to write が.
        let (composed, decomposed) = ["K\u{e4}fer", "\u{304c}"]
            .into_iter()
            .zip(["Ka\u{308}fer", "\u{304b}\u{3099}"])
            .unzip::<_, _, Vec<_>, Vec<_>>();
        for names in [&composed, &decomposed] {
            let mut dataset = three_images();
            let classes: Vec<String> = names.iter().map(ToString::to_string).collect();
            dataset = Dataset::new(&dataset.images, &dataset.labels, &classes).unwrap();
            assert_eq!(dataset.info.classes, composed);
            // As in a file of weights that another program has written.
            dataset.info.classes = decomposed.iter().map(ToString::to_string).collect();
            for asked in [&composed, &decomposed] {
                assert_eq!(dataset.class_index(asked[1]).unwrap(), 1);
                assert_eq!(dataset.indices_of(asked[0], 5).unwrap(), [1]);
            }
        }
    }

    #[test]
    fn what_does_not_exist_is_an_error() {
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
        assert!(
            error(images(), &[0, 2]).starts_with("image 1 has label 2, but there are 2 classes")
        );
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
    fn batches_end_at_an_interrupt_and_so_do_those_after_them() {
        let (dataset, stage) = (three_images(), Stage::deserted());
        stage.cell(|| {
            let mut batches = dataset.batches(1).unwrap();
            assert!(batches.next().is_some());
            stage.interrupt();
            assert_eq!(batches.len(), 2);
            assert!(batches.next().is_none());
            assert_eq!(batches.len(), 0);
            assert_eq!(dataset.batches(1).unwrap().count(), 0);
        });
        assert_eq!(
            dataset.batches(1).unwrap().count(),
            3,
            "the next cell begins"
        );
    }

    #[test]
    fn batches_of_another_thread_go_on() {
        let (dataset, stage) = (three_images(), Stage::deserted());
        stage.interrupt();
        stage.other_thread(|| assert_eq!(dataset.batches(1).unwrap().count(), 3));
    }
}
