//! Images of one's own: a folder with one subfolder per class.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tch::Tensor;

use super::image_file::Shape;
use super::{Dataset, composed};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::notebook::progress::{FILES, Progress, Word};
use crate::path::expanded;

const READING: Word = Word {
    english: "reading the folder",
    japanese: "フォルダの読み込み",
};

/// Of files beside the classes' folders, those with these endings are told to be left out.
const ENDINGS: [&str; 11] = [
    "bmp", "gif", "heic", "heif", "jfif", "jpeg", "jpg", "png", "tif", "tiff", "webp",
];
/// While images are decoded: how often to look whether ■ was pressed, and to show the progress.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);
/// What systems put into folders behind one's back, besides names that begin with a dot.
const LITTER: [&str; 3] = ["Thumbs.db", "desktop.ini", "__MACOSX"];

/// The images of a folder, and what could not be read in it.
#[derive(Debug)]
pub struct ImageFolder {
    /// The images with their classes, class by class.
    pub dataset: Dataset,
    /// The file of each image, in the same order.
    pub files: Vec<PathBuf>,
    /// What was left out.
    pub skipped: Vec<SkippedFile>,
}

/// A file or folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Why it was left out.
    pub reason: String,
}

/// Reads a folder of images with one subfolder per class, whose name is the class's.
///
/// Every image is read as [`read_image`](super::read_image) reads it, whatever its size, colours and
/// ending, and scaled to `image`, `[C, H, W]`; all processors decode. What is no image, damaged or
/// cut off is listed in [`ImageFolder::skipped`]; hidden files are not.
///
/// Classes are sorted by their names and files by theirs, as texts: their labels are those of
/// torchvision's `ImageFolder`. Only classes that are all whole numbers are sorted as numbers, so
/// that the label of `10` comes after that of `9`, and is 10 if they count from 0. Names are in
/// Unicode's composed form (NFC), as keyboards write them. A leading `~` in the path is the home
/// folder.
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
/// [`Error::File`] if there is no such folder, if it has fewer than two subfolders, for two whose
/// names differ in nothing but Unicode's forms, and for a class without an image that can be read;
/// [`Error::Io`] for a folder that cannot be read; [`Error::Setting`] for a shape that is neither
/// grey nor colour; [`Error::Interrupted`] at ■.
pub fn load_folder(path: impl AsRef<Path>, image: [i64; 3]) -> Result<ImageFolder> {
    load_classes(path.as_ref(), image)
}

fn load_classes(path: &Path, image: [i64; 3]) -> Result<ImageFolder> {
    let shape = Shape::of(image)?;
    let (classes, mut skipped) = class_folders(&expanded(path)?)?;
    let entries = classes
        .iter()
        .map(|class| visible_entries(&class.folder))
        .collect::<Result<Vec<_>>>()?;
    let paths: Vec<&Path> = entries.iter().flatten().map(PathBuf::as_path).collect();
    let mut results = read_all(&paths, shape)?.into_iter();
    let (mut images, mut labels, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for (label, (class, entries)) in classes.iter().zip(entries).enumerate() {
        let (read_before, skipped_before) = (files.len(), skipped.len());
        for (path, result) in entries.into_iter().zip(&mut results) {
            match result {
                Ok(pixels) => {
                    images.push(pixels);
                    labels.push(label as i64);
                    files.push(path);
                }
                Err(error) => skipped.push(SkippedFile {
                    reason: reason(error)?,
                    path,
                }),
            }
        }
        if files.len() == read_before {
            return Err(empty_class(&class.folder, &skipped[skipped_before..]));
        }
    }
    let names: Vec<String> = classes.into_iter().map(|class| class.name).collect();
    let images = shape.tensor(images)?;
    Ok(ImageFolder {
        dataset: Dataset::new(&images, &Tensor::f_from_slice(&labels)?, &names)?,
        files,
        skipped,
    })
}

/// The pixels of each file, or why there are none, in the files' order.
///
/// Each thread decodes one image at a time, so no more than one for each processor stands in memory
/// at its full size.
fn read_all(paths: &[&Path], shape: Shape) -> Result<Vec<Result<Vec<u8>>>> {
    let mut progress = Progress::of(READING, paths.len(), FILES);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (next, (sender, receiver)) = (AtomicUsize::new(0), mpsc::channel());
    let mut results: Vec<_> = paths.iter().map(|_| None).collect();
    thread::scope(|scope| {
        for _ in 0..threads.min(paths.len()) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { break };
                    if sender.send((index, shape.read(path))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut seen = 0;
        loop {
            if let Err(interrupted) = progress.done(seen) {
                // No thread begins another file.
                next.store(paths.len(), Ordering::Relaxed);
                return Err(interrupted);
            }
            match receiver.recv_timeout(LOOK_UP_EVERY) {
                Ok((index, result)) => {
                    results[index] = Some(result);
                    seen += 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    })?;
    Ok(results.into_iter().flatten().collect())
}

/// Why a file is left out, in the notebook's language; or the error that is not the file's fault.
fn reason(error: Error) -> Result<String> {
    match error {
        Error::File { path, .. } if path.is_dir() => Ok(translate!(
            "a folder in a class's folder is not looked into",
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

/// A class and where its images lie.
struct ClassFolder {
    name: String,
    folder: PathBuf,
}

/// The folders of the classes in the order of their labels, and images that lie beside them.
fn class_folders(path: &Path) -> Result<(Vec<ClassFolder>, Vec<SkippedFile>)> {
    if !path.is_dir() {
        let is_archive = ["zip", "tar", "gz", "tgz", "7z", "rar"]
            .iter()
            .any(|ending| {
                path.extension()
                    .is_some_and(|it| it.eq_ignore_ascii_case(ending))
            });
        let reason = if path.exists() && is_archive {
            "this is an archive; unpack it, and give the folder that holds a subfolder for each class"
        } else if path.exists() {
            "this is a file; give the folder that holds a subfolder for each class"
        } else {
            "there is no such folder; a path counts from the notebook's own folder"
        };
        return Err(Error::file(path, reason));
    }
    let (folders, files): (Vec<_>, Vec<_>) = visible_entries(path)?
        .into_iter()
        .partition(|entry| entry.is_dir());
    let named = folders.into_iter().map(|folder| ClassFolder {
        name: composed(&name_of(&folder)),
        folder,
    });
    let mut classes: Vec<ClassFolder> = named.collect();
    if classes.len() < 2 {
        return Err(Error::file(path, too_few(&classes)));
    }
    if let Some(name) = twice(&classes) {
        return Err(Error::file(
            path,
            format!(
                "two subfolders are called `{name}`, in two of Unicode's forms; put their images \
                 into one"
            ),
        ));
    }
    if let Some(numbers) = whole_numbers(classes.iter().map(|class| &class.name)) {
        let mut numbered: Vec<_> = numbers.into_iter().zip(classes).collect();
        numbered.sort_by_key(|(number, _)| *number);
        classes = numbered.into_iter().map(|(_, class)| class).collect();
    }
    let skipped = files
        .into_iter()
        .filter(|file| is_named_as_image(file))
        .map(|path| SkippedFile {
            path,
            reason: translated(
                "it lies beside the classes' folders, in none of them",
                "どのクラスのフォルダーにも入っていません",
            )
            .into(),
        })
        .collect();
    Ok((classes, skipped))
}

/// The names as numbers, if all of them are whole.
pub(crate) fn whole_numbers<'a>(names: impl Iterator<Item = &'a String>) -> Option<Vec<u64>> {
    let is_number = |name: &&String| name.bytes().all(|byte| byte.is_ascii_digit());
    names
        .map(|name| Some(name).filter(is_number)?.parse().ok())
        .collect()
}

/// A name that two classes have.
fn twice(classes: &[ClassFolder]) -> Option<&str> {
    let mut names = HashSet::new();
    classes
        .iter()
        .map(|class| class.name.as_str())
        .find(|&name| !names.insert(name))
}

fn too_few(classes: &[ClassFolder]) -> String {
    match classes {
        [] => "there is no subfolder in it; put the images of each class into a subfolder with \
               the class's name"
            .into(),
        [only, ..] => format!(
            "{} is the only subfolder in it; at least two classes are needed, each with a \
             subfolder of its own",
            only.name
        ),
    }
}

fn empty_class(folder: &Path, skipped: &[SkippedFile]) -> Error {
    // A training and a test set, each with its classes.
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

/// Sorted by name, so that a folder gives the same data set everywhere.
fn visible_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = || Error::io("read the folder", folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if !is_litter(&path) {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_litter(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || LITTER.iter().any(|it| it.eq_ignore_ascii_case(&name))
}

fn is_named_as_image(path: &Path) -> bool {
    let ending = path.extension().map(OsStr::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.iter().any(|&known| ending == known))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A file with its class's folder, which is enough to find it.
pub(crate) fn file_in_folder(path: &Path) -> String {
    let folder = path.parent().map_or_else(String::new, name_of);
    format!("{folder}/{}", name_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::front::tests::Stage;
    use image::{GrayImage, Luma, RgbImage};
    use tempfile::TempDir;

    /// A folder with these files: grey PNG images of one pixel, or else text.
    fn folder(files: &[&str]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (number, name) in files.iter().enumerate() {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name.ends_with(".png") {
                let grey = GrayImage::from_pixel(1, 1, Luma([number as u8]));
                grey.save(&path).unwrap();
            } else {
                fs::write(&path, "text").unwrap();
            }
        }
        root
    }

    fn error(path: impl AsRef<Path>) -> String {
        let error = load_folder(path, [1, 1, 1]).expect_err("no images");
        error.to_string()
    }

    fn skipped(folder: &ImageFolder) -> Vec<(String, &str)> {
        let named = folder.skipped.iter();
        named
            .map(|file| (file_in_folder(&file.path), &file.reason[..]))
            .collect()
    }

    #[test]
    fn classes_and_files_are_sorted_by_name_and_keep_together() {
        let root = folder(&["猫/2.png", "bear/b.png", "猫/10.png", "bear/a.png"]);
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(read.dataset.info.classes, ["bear", "猫"]);
        assert_eq!(read.dataset.class_counts(), [2, 2]);
        let pixels = Vec::<u8>::try_from(read.dataset.images.flatten(0, -1)).unwrap();
        assert_eq!(pixels, [3, 1, 2, 0]);
        let files: Vec<String> = read.files.iter().map(|file| file_in_folder(file)).collect();
        assert_eq!(files, ["bear/a.png", "bear/b.png", "猫/10.png", "猫/2.png"]);
        assert_eq!(read.skipped, []);
    }

    // Elsewhere B and b are often the same folder.
    #[cfg(target_os = "linux")]
    #[test]
    fn labels_are_those_of_torchvision() {
        // sorted(["b", "B", "ä", "a10", "a9", "Z"]) in Python.
        let names = ["b", "B", "\u{e4}", "a10", "a9", "Z"];
        let files: Vec<String> = names.iter().map(|name| format!("{name}/1.png")).collect();
        let root = folder(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(
            read.dataset.info.classes,
            ["B", "Z", "a10", "a9", "b", "\u{e4}"]
        );
        let pixels = Vec::<u8>::try_from(read.dataset.images.flatten(0, -1)).unwrap();
        assert_eq!(pixels, [1, 5, 3, 4, 0, 2]);
        let text = read.to_string();
        assert!(!text.contains("torchvision"), "{text}");
        let note = "B and b differ only in small and capital letters";
        assert!(text.contains(note), "{text}");
    }

    #[test]
    fn whole_numbers_are_sorted_as_such_and_it_is_told() {
        let names: Vec<String> = (0..=10).map(|number| format!("{number}/1.png")).collect();
        let root = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        let expected: Vec<String> = (0..=10).map(|number| number.to_string()).collect();
        assert_eq!(read.dataset.info.classes, expected);
        let pixels = Vec::<u8>::try_from(read.dataset.images.flatten(0, -1)).unwrap();
        assert_eq!(pixels, (0..=10).collect::<Vec<u8>>());
        let text = read.to_string();
        assert!(
            text.contains("the names are whole numbers, so labels follow"),
            "{text}"
        );
        // Nothing is to be told where both orders are the same, and one word makes all of them texts.
        let read = |names: &[&str]| {
            let root = folder(names);
            load_folder(root.path(), [1, 1, 1]).unwrap()
        };
        let digits = read(&["0/1.png", "1/1.png", "9/1.png"]);
        assert!(!digits.to_string().contains("note"), "{digits}");
        let mixed = read(&["2/1.png", "10/1.png", "other/1.png"]);
        assert_eq!(mixed.dataset.info.classes, ["10", "2", "other"]);
        let padded = read(&["01/1.png", "1/1.png", "02/1.png"]);
        assert_eq!(padded.dataset.info.classes, ["01", "1", "02"]);
        // More than 64 bits.
        let long = read(&["99999999999999999999/1.png", "100000000000000000000/1.png"]);
        assert_eq!(long.dataset.info.classes[0], "100000000000000000000");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_are_composed_and_two_of_one_class_are_refused() {
        let root = folder(&["Ka\u{308}fer/1.png", "cat/1.png"]);
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(read.dataset.info.classes, ["K\u{e4}fer", "cat"]);
        assert_eq!(read.dataset.class_index("Ka\u{308}fer").unwrap(), 0);
        let message = error(folder(&["Ka\u{308}fer/1.png", "K\u{e4}fer/1.png"]).path());
        let expected = "two subfolders are called `K\u{e4}fer`, in two of Unicode's forms";
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_path_is_written_as_people_do() {
        let message = error("~/no such folder of photographs");
        let home = std::env::home_dir().unwrap();
        assert!(message.starts_with(home.to_str().unwrap()), "{message}");
        assert!(message.contains("there is no such folder"), "{message}");
        if cfg!(unix) {
            let message = error(r"C:\Users\me\photos");
            assert!(message.ends_with("/mnt/c/Users/me/photos"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn images_get_the_size_and_channels_asked_for() {
        let root = folder(&["bear/grey.png"]);
        let wide = RgbImage::from_pixel(90, 20, image::Rgb([10, 20, 30]));
        fs::create_dir(root.path().join("cat")).unwrap();
        wide.save(root.path().join("cat/wide.JPEG")).unwrap();
        let read = load_folder(root.path(), [3, 32, 32]).unwrap();
        assert_eq!(read.dataset.images.size(), [2, 3, 32, 32]);
        assert_eq!(read.dataset.info.image, [3, 32, 32]);
        assert!(load_folder(root.path(), [2, 32, 32]).is_err());
    }

    #[test]
    fn what_is_no_image_is_listed_and_what_is_hidden_is_not() {
        let root = folder(&[
            "README.md",
            "alone.png",
            ".DS_Store",
            ".ipynb_checkpoints/x.png",
            "__MACOSX/x.png",
            "bear/.hidden.png",
            "bear/1.png",
            "bear/broken.jpg",
            "bear/deeper/2.png",
            "bear/notes.txt",
            "bear/thumbs.db",
            "cat/1.png",
        ]);
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(read.dataset.class_counts(), [1, 1]);
        let listed = skipped(&read);
        assert_eq!(listed.len(), 4, "{listed:?}");
        assert!(listed[0].0.ends_with("/alone.png"), "{listed:?}");
        assert_eq!(listed[1].0, "bear/broken.jpg");
        assert!(listed[1].1.starts_with("this is no image; PNG, JPEG, GIF"));
        assert_eq!(listed[2].0, "bear/deeper");
        assert_eq!(
            listed[3],
            (
                "bear/notes.txt".into(),
                "this is no image; PNG, JPEG, GIF, WebP and BMP files are read"
            )
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_says_what_to_change() {
        assert!(error("nowhere").starts_with("nowhere: there is no such folder"));
        let root = folder(&["bear/1.png", "1.png"]);
        assert!(error(root.path().join("1.png")).contains("this is a file; give the folder"));
        let message = error(root.path());
        assert!(message.contains("bear is the only subfolder"), "{message}");
        let message = error(root.path().join("bear"));
        assert!(message.contains("there is no subfolder"), "{message}");
        let archive = root.path().join("animals.ZIP");
        fs::write(&archive, "PK").unwrap();
        assert!(error(archive).contains("this is an archive; unpack it"));
        let parts = folder(&["test/bear/1.png", "test/cat/1.png", "train/bear/1.png"]);
        let message = error(parts.path());
        let expected = "test: there are only folders in it; if they are the classes, load this";
        assert!(message.contains(expected), "{message}");
        let message = error(folder(&["bear/1.png", "cat/a.txt"]).path());
        let expected = "cat: no image in it can be read (a.txt: this is no image";
        assert!(message.contains(expected), "{message}");
        let root = folder(&["bear/1.png"]);
        fs::create_dir(root.path().join("cat")).unwrap();
        let message = error(root.path());
        assert!(
            message.contains("cat: no image in it can be read; put"),
            "{message}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_no_unicode_are_read_all_the_same() {
        use std::os::unix::ffi::OsStrExt;
        let root = folder(&["bear/1.png", "cat/1.png"]);
        let odd = root.path().join(OsStr::from_bytes(b"o\xFFd"));
        fs::create_dir(&odd).unwrap();
        let image = root.path().join("cat/1.png");
        fs::copy(image, odd.join(OsStr::from_bytes(b"\xFE.png"))).unwrap();
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(read.dataset.info.classes, ["bear", "cat", "o\u{FFFD}d"]);
        assert_eq!(read.dataset.len(), 3);
    }

    #[test]
    fn an_interrupt_ends_the_reading() {
        let (root, stage) = (folder(&["bear/1.png", "cat/1.png"]), Stage::deserted());
        stage.interrupt();
        let read = stage.cell(|| load_folder(root.path(), [1, 1, 1]));
        let message = read.expect_err("interrupted").to_string();
        assert!(message.starts_with("reading the folder was stopped after 0 of "));
    }
}
