//! Step 1, load: images and labels as tensors.
//!
//! - [`source`]: where Fashion-MNIST, MNIST and KMNIST come from
//! - `download`: downloads missing files
//! - [`idx`]: the file format of the three
//! - [`folder`]: your own images, with one subfolder per class
//! - [`image_file`]: reads an image file in the size and channels that a model needs
//! - `image_format`: recognises the format of an image file
//! - `decode`: decodes the bytes of an image file to pixels
//! - `resize`: scales pixels to another size
//! - [`dataset`]: the [`Dataset`] made of them
//! - `batches`: its mini-batches
//! - `split`: splits a [`Dataset`] in two, or balances its classes
//! - `info`: what a model must know about its images

pub(crate) mod batches;
pub mod dataset;
mod decode;
mod download;
pub mod folder;
pub mod idx;
pub mod image_file;
mod image_format;
mod info;
mod resize;
pub mod source;
mod split;

use std::path::Path;

use tch::{Kind, Tensor};

pub use batches::Batches;
pub(crate) use batches::batches_per_epoch;
pub use dataset::Dataset;
pub use folder::{ImageFolder, SkippedFile, load_folder};
pub use image_file::{read_image, write_image};
pub use info::{DatasetInfo, Normalization};
pub use source::{Source, Split, fashion_mnist, kmnist, mnist};

use crate::error::{Error, Result};
use crate::notebook::bar::Bar;
use crate::notebook::progress::BarDisplay;
use crate::path::expanded;
use download::{DownloadProgress, download_missing};
use idx::{Idx, read_idx};

/// The training or test images of a source. Missing files are downloaded into `root`.
///
/// Each source has its own folder below `root`, such as `data/fashion-mnist`. A leading `~` is the home
/// folder.
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let training_set = load(&fashion_mnist(), "../data", Split::Train)?;
/// assert_eq!(training_set.images.size(), [60_000, 1, 28, 28]);
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] for a folder that cannot be written, [`Error::Download`] if no mirror answers,
/// [`Error::File`] for a damaged file, [`Error::Data`] if images and labels do not fit together, and
/// [`Error::Interrupted`] at ■.
pub fn load(source: &Source, root: impl AsRef<Path>, split: Split) -> Result<Dataset> {
    load_split(source, root.as_ref(), split)
}

// Each cell that calls a generic function compiles its body. So the generic functions of this crate only
// call one that is not generic: `load_model` took 0.7 s of its cell before, `load` 0.3 s.
fn load_split(source: &Source, root: &Path, split: Split) -> Result<Dataset> {
    let root = &*expanded(root)?;
    let mut display = BarDisplay::default();
    let files = download_missing(source, root, split, &mut |progress| {
        show_download(&mut display, progress);
    })?;
    let images = read_idx(&files.images, 3)?;
    let labels = read_idx(&files.labels, 1)?;
    dataset_of_idx(images, labels, source.classes.clone())
}

fn show_download(display: &mut BarDisplay, progress: &DownloadProgress) {
    let fraction = progress.received as f64 / progress.total.max(1) as f64;
    let bar = Bar::of(fraction, progress.to_string());
    match progress.received {
        0 => display.start(bar),
        _ => display.update(bar),
    }
}

fn dataset_of_idx(images: Idx, labels: Idx, classes: Vec<String>) -> Result<Dataset> {
    let [count, height, width] = images.shape[..] else {
        return Err(Error::Data("image files have three dimensions".into()));
    };
    let size = [count as i64, 1, height as i64, width as i64];
    let pixels = Tensor::f_from_data_size(&images.bytes, &size, Kind::Uint8)?;
    // Freed before the labels are made, so that the pixels are in memory twice only for a moment.
    drop(images);
    let labels = Tensor::f_from_slice(&labels.bytes)?.to_kind(Kind::Int64);
    Dataset::new(&pixels, &labels, &classes)
}
