//! Your own images: a folder with one subfolder per class.

mod class_folders;
mod read_files;

use std::path::{Path, PathBuf};

use tch::Tensor;

use super::dataset::Dataset;
use super::image_file::ImageShape;
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::path::expanded;
pub(crate) use class_folders::whole_numbers;
use class_folders::{ClassFolder, class_folders, name_of, visible_entries};
use read_files::read_files;

/// The images of a folder, and the files that could not be read.
#[derive(Debug)]
pub struct ImageFolder {
    /// The images with their classes, class by class.
    pub dataset: Dataset,
    /// The file of each image, in the same order.
    pub files: Vec<PathBuf>,
    /// The files and folders that were skipped.
    pub skipped: Vec<SkippedFile>,
}

/// A file or folder that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// Its path.
    pub path: PathBuf,
    /// Why it was skipped, in the notebook's language.
    pub reason: String,
}

/// Reads a folder of images with one subfolder per class. The name of a subfolder is the name of its class.
///
/// Every image is read as by [`read_image`](super::read_image) and scaled to `image`, `[C, H, W]`, on all
/// processors. Files that are not images, damaged or incomplete are listed in [`ImageFolder::skipped`].
/// Hidden files are ignored.
///
/// Classes and files are sorted by name, as texts, so labels are those of torchvision's `ImageFolder`. If
/// all class names are whole numbers, they are sorted as numbers: the label of `10` comes after that of
/// `9`, and is 10 if the names count from 0. Names are in Unicode's composed form (NFC), as keyboards
/// write them. A leading `~` in the path is the home folder.
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let folder = load_folder("../../data/animals", [3, 32, 32])?;
/// assert_eq!(folder.dataset.info.classes, ["bear", "cat"]);
/// assert_eq!(folder.dataset.len(), folder.files.len());
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if there is no such folder, if it has fewer than two subfolders, if two names differ
/// only in their Unicode form, and for a class without an image that can be read;
/// [`Error::Io`] for a folder that cannot be read; [`Error::Setting`] for a shape that is neither
/// grey nor colour; [`Error::Interrupted`] at ■.
pub fn load_folder(path: impl AsRef<Path>, image: [i64; 3]) -> Result<ImageFolder> {
    load_classes(path.as_ref(), image)
}

fn load_classes(path: &Path, image: [i64; 3]) -> Result<ImageFolder> {
    let shape = ImageShape::of(image)?;
    let (classes, beside) = class_folders(&expanded(path)?)?;
    let entries = classes
        .iter()
        .map(|class| visible_entries(&class.folder))
        .collect::<Result<Vec<_>>>()?;
    let paths: Vec<&Path> = entries.iter().flatten().map(PathBuf::as_path).collect();
    let mut results = read_files(&paths, shape)?.into_iter();
    let mut images = ReadImages {
        skipped: beside.into_iter().map(in_no_class).collect(),
        ..ReadImages::default()
    };
    for (label, (class, entries)) in classes.iter().zip(entries).enumerate() {
        images.add_class(label, class, entries.into_iter().zip(&mut results))?;
    }
    let names: Vec<String> = classes.into_iter().map(|class| class.name).collect();
    let pixels = shape.tensor(images.pixels)?;
    Ok(ImageFolder {
        dataset: Dataset::new(&pixels, &Tensor::f_from_slice(&images.labels)?, &names)?,
        files: images.files,
        skipped: images.skipped,
    })
}

/// The images of the classes so far.
#[derive(Default)]
struct ReadImages {
    pixels: Vec<Vec<u8>>,
    labels: Vec<i64>,
    files: Vec<PathBuf>,
    skipped: Vec<SkippedFile>,
}

impl ReadImages {
    /// Adds the files of a class that could be read, and lists the others as skipped.
    ///
    /// # Errors
    /// [`Error::File`] if no file of the class could be read.
    fn add_class(
        &mut self,
        label: usize,
        class: &ClassFolder,
        files: impl Iterator<Item = (PathBuf, Result<Vec<u8>>)>,
    ) -> Result<()> {
        let (read_before, skipped_before) = (self.files.len(), self.skipped.len());
        for (path, result) in files {
            match result {
                Ok(pixels) => {
                    self.pixels.push(pixels);
                    self.labels.push(label as i64);
                    self.files.push(path);
                }
                Err(error) => self.skipped.push(SkippedFile {
                    reason: skip_reason(error)?,
                    path,
                }),
            }
        }
        if self.files.len() == read_before {
            return Err(no_image_of_class(
                &class.folder,
                &self.skipped[skipped_before..],
            ));
        }
        Ok(())
    }
}

fn in_no_class(path: PathBuf) -> SkippedFile {
    let reason = translated(
        "it is beside the folders of the classes, not in one of them",
        "どのクラスのフォルダーにも入っていません",
    );
    SkippedFile {
        path,
        reason: reason.into(),
    }
}

/// Why a file is skipped, in the notebook's language; or the error itself if the file is not its cause.
fn skip_reason(error: Error) -> Result<String> {
    match error {
        Error::File { path, .. } if path.is_dir() => Ok(translate!(
            "a folder inside the folder of a class is not read",
            "クラスのフォルダーの中のフォルダーは読みません"
        )),
        Error::File { reason, .. } => Ok(translate!("{reason}", "画像として読めません: {reason}")),
        Error::Io { source, .. } => Ok(translate!(
            "cannot be read: {source}",
            "読めません: {source}"
        )),
        error => Err(error),
    }
}

fn no_image_of_class(folder: &Path, skipped: &[SkippedFile]) -> Error {
    // Perhaps a training and a test set, each with its classes.
    if !skipped.is_empty() && skipped.iter().all(|entry| entry.path.is_dir()) {
        let reason =
            "there are only folders in it; if they are the classes, load this folder itself";
        return Error::file(folder, reason);
    }
    let why = skipped.first().map_or_else(String::new, |first| {
        format!(" ({}: {})", name_of(&first.path), first.reason)
    });
    Error::file(
        folder,
        format!(
            "no image in it can be read{why}; put PNG or JPEG files into it, or remove the folder"
        ),
    )
}

/// The names of a file and of its folder: `cat/1.png`.
pub(crate) fn file_in_folder(path: &Path) -> String {
    let folder = path.parent().map_or_else(String::new, name_of);
    format!("{folder}/{}", name_of(path))
}

#[cfg(test)]
pub(crate) mod tests;
