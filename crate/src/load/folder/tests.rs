use std::ffi::OsStr;
use std::fs;

use super::*;
use crate::notebook::front::tests::FakeFront;
use image::{GrayImage, Luma, RgbImage};
use tempfile::TempDir;

/// A folder with these files: grey PNG images of one pixel, and text files.
pub(crate) fn folder(files: &[&str]) -> TempDir {
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
fn classes_and_files_are_sorted_by_name_and_stay_together() {
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

// On other systems B and b are often the same folder.
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
fn whole_numbers_are_sorted_as_numbers_with_a_note() {
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
    // There is no note if both orders are the same. A single word makes all names texts.
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
fn names_are_composed_and_equal_ones_are_an_error() {
    let root = folder(&["Ka\u{308}fer/1.png", "cat/1.png"]);
    let read = load_folder(root.path(), [1, 1, 1]).unwrap();
    assert_eq!(read.dataset.info.classes, ["K\u{e4}fer", "cat"]);
    assert_eq!(read.dataset.class_index("Ka\u{308}fer").unwrap(), 0);
    let message = error(folder(&["Ka\u{308}fer/1.png", "K\u{e4}fer/1.png"]).path());
    let expected = "two subfolders are called `K\u{e4}fer`, in two of Unicode's forms";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn paths_may_start_with_a_tilde() {
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
fn images_have_the_requested_size_and_channels() {
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
fn files_that_are_not_images_are_listed_and_hidden_files_are_not() {
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
    assert!(
        listed[1]
            .1
            .starts_with("this is not an image; PNG, JPEG, GIF")
    );
    assert_eq!(listed[2].0, "bear/deeper");
    assert_eq!(
        listed[3],
        (
            "bear/notes.txt".into(),
            "this is not an image; PNG, JPEG, GIF, WebP and BMP files are read"
        )
    );
}

#[test]
fn the_error_for_an_unusable_folder_says_what_to_change() {
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
    let expected = "cat: no image in it can be read (a.txt: this is not an image";
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
fn names_that_are_not_unicode_are_read() {
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
    let (root, front) = (
        folder(&["bear/1.png", "cat/1.png"]),
        FakeFront::without_socket(),
    );
    front.interrupt();
    let read = front.cell(|| load_folder(root.path(), [1, 1, 1]));
    let message = read.expect_err("interrupted").to_string();
    assert!(message.starts_with("reading the folder was stopped after 0 of "));
}
