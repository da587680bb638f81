//! Finds the classes and the files of a folder of images.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::load::info::composed;

/// Extensions of images, also in formats that cannot be read.
const IMAGE_EXTENSIONS: [&str; 11] = [
    "bmp", "gif", "heic", "heif", "jfif", "jpeg", "jpg", "png", "tif", "tiff", "webp",
];
const ARCHIVE_EXTENSIONS: [&str; 6] = ["zip", "tar", "gz", "tgz", "7z", "rar"];
/// Files and folders that operating systems create, besides those whose names start with a dot.
const SYSTEM_FILES: [&str; 3] = ["Thumbs.db", "desktop.ini", "__MACOSX"];

/// A class and the folder of its images.
pub(super) struct ClassFolder {
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

/// The folders of the classes in the order of their labels, and the images that are beside them.
///
/// # Errors
/// [`Error::File`] if this is not a folder with at least two classes, [`Error::Io`] if it cannot be read.
pub(super) fn class_folders(path: &Path) -> Result<(Vec<ClassFolder>, Vec<PathBuf>)> {
    check_folder(path)?;
    let (folders, files): (Vec<_>, Vec<_>) = visible_entries(path)?
        .into_iter()
        .partition(|entry| entry.is_dir());
    let classes: Vec<ClassFolder> = folders
        .into_iter()
        .map(|folder| ClassFolder {
            name: composed(&name_of(&folder)),
            folder,
        })
        .collect();
    check_classes(path, &classes)?;
    let is_image = |file: &PathBuf| has_extension(file, &IMAGE_EXTENSIONS);
    let images = files.into_iter().filter(is_image).collect();
    Ok((in_label_order(classes), images))
}

fn check_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let reason = if !path.exists() {
        "there is no such folder; a path counts from the notebook's own folder"
    } else if has_extension(path, &ARCHIVE_EXTENSIONS) {
        "this is an archive; unpack it, and give the folder that holds a subfolder for each class"
    } else {
        "this is a file; give the folder that holds a subfolder for each class"
    };
    Err(Error::file(path, reason))
}

fn check_classes(path: &Path, classes: &[ClassFolder]) -> Result<()> {
    let reason = match classes {
        [] => "there is no subfolder in it; put the images of each class into a subfolder with \
               the class's name"
            .into(),
        [only] => format!(
            "{} is the only subfolder in it; at least two classes are needed, each with a \
             subfolder of its own",
            only.name
        ),
        _ => match duplicate_name(classes) {
            None => return Ok(()),
            Some(name) => format!(
                "two subfolders are called `{name}`, in two of Unicode's forms; put their images \
                 into one"
            ),
        },
    };
    Err(Error::file(path, reason))
}

fn duplicate_name(classes: &[ClassFolder]) -> Option<&str> {
    let mut names = HashSet::new();
    classes
        .iter()
        .map(|class| class.name.as_str())
        .find(|&name| !names.insert(name))
}

/// Sorted as numbers if all names are whole numbers; else as they are, sorted as texts.
fn in_label_order(classes: Vec<ClassFolder>) -> Vec<ClassFolder> {
    let Some(numbers) = whole_numbers(classes.iter().map(|class| &class.name)) else {
        return classes;
    };
    let mut numbered: Vec<_> = numbers.into_iter().zip(classes).collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, class)| class).collect()
}

/// The names as numbers, if all of them are whole numbers.
pub(crate) fn whole_numbers<'a>(names: impl Iterator<Item = &'a String>) -> Option<Vec<u64>> {
    let is_number = |name: &&String| name.bytes().all(|byte| byte.is_ascii_digit());
    names
        .map(|name| Some(name).filter(is_number)?.parse().ok())
        .collect()
}

/// The entries that are not hidden, sorted by name, so that a folder gives the same data set everywhere.
pub(super) fn visible_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = || Error::io("read the folder", folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if !is_hidden(&path) {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_hidden(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || SYSTEM_FILES.iter().any(|it| it.eq_ignore_ascii_case(&name))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| extensions.iter().any(|&known| extension == known))
}

/// The name of a file or folder without the folders above it.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
