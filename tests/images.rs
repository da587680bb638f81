//! Image files of every format: the pixels equal Pillow's, and truncated, damaged and malicious files, and what
//! is not a file, are errors with a reason.
//!
//! The reference files and the script that made them are in `reference/`.

use std::fs;
use std::path::{Path, PathBuf};

use gasshuku::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{reference, tensors};
use tempfile::TempDir;

const SHAPE: [i64; 3] = [1, 8, 8];

/// The name and the content of each reference image.
fn files() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(reference("images")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let file = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    paths.into_iter().map(file).collect()
}

fn file(name: &str) -> Vec<u8> {
    fs::read(reference("images").join(name)).unwrap()
}

/// Reads images, each from the same file.
struct Reader {
    folder: TempDir,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn read(&self, bytes: &[u8]) -> std::result::Result<Tensor, String> {
        // The extension is wrong: the content decides.
        let path = self.folder.path().join("image.tiff");
        fs::write(&path, bytes).unwrap();
        let beginning = format!("{}: ", path.display());
        read_image(&path, SHAPE).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&beginning)
                .expect("it names the file")
                .to_owned()
        })
    }

    #[track_caller]
    fn refused(&self, bytes: &[u8]) -> String {
        self.read(bytes).expect_err("no image")
    }
}

#[test]
fn pixels_equal_pillows() {
    let mut compared = 0;
    for (key, expected) in tensors("images.safetensors") {
        let (name, shape) = key.split_once(' ').unwrap();
        let shape: Vec<i64> = shape.split('x').map(|side| side.parse().unwrap()).collect();
        let shape = [shape[0], shape[1], shape[2]];
        let found = read_image(reference("images").join(name), shape).unwrap();
        let [found, expected] = [found, expected.unsqueeze(0)].map(|it| it.to_kind(Kind::Int));
        let difference = (found - expected).abs();
        let largest = difference.max().int64_value(&[]);
        let mean = difference.mean(Kind::Float).double_value(&[]);
        // Only for JPEG may decoders differ.
        let (most, most_on_average) = match name.ends_with(".jpg") {
            true => (3, 0.25),
            false => (0, 0.0),
        };
        assert!(
            largest <= most && mean <= most_on_average,
            "{key}: {largest}, {mean} on average"
        );
        compared += 1;
    }
    assert_eq!(compared, 18 * 6 + 5);
}

#[test]
fn a_truncated_image_is_an_error() {
    let reader = Reader::new();
    for (name, bytes) in files() {
        assert!(reader.read(&bytes).is_ok(), "{name}");
        let steps = (0..bytes.len()).step_by(bytes.len() / 50);
        for length in steps.chain(bytes.len() - 20..bytes.len()) {
            let cut = reader.read(&bytes[..length]);
            assert!(cut.is_err(), "{name}: {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn an_image_that_ends_with_zeros_after_a_broken_download_is_an_error() {
    let reader = Reader::new();
    for (name, bytes) in files() {
        let mut half = bytes.clone();
        half[bytes.len() / 2..].fill(0);
        // These formats have no checksums and no end marker, so zeros are pixels.
        let anything_goes = name.ends_with("bmp") || name.ends_with("webp");
        assert!(anything_goes || reader.read(&half).is_err(), "{name}");
    }
}

#[test]
fn one_wrong_bit_of_a_png_file_is_an_error() {
    let reader = Reader::new();
    let whole = file("colour.png");
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        assert!(reader.read(&bytes).is_err(), "byte {position}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let reader = Reader::new();
    let whole = file("colour.png");
    assert_eq!(
        reader.refused(&whole[..whole.len() - 12]),
        "the PNG image is cut off or damaged; copy or download it again"
    );
    let whole = file("colour_420.jpg");
    assert_eq!(
        reader.refused(&whole[..whole.len() / 2]),
        "the JPEG image is damaged (its end is missing); copy or download it again"
    );
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    assert!(reader.refused(heic).contains("export it as JPEG"));
    for (bytes, what) in [
        (&b""[..], "the file is empty"),
        (b"\n<!DOCTYPE html><html>", "this is a web page"),
        (
            b"<svg xmlns=\"http://www.w3.org/2000/svg\">",
            "this is an SVG drawing; save it as",
        ),
        (
            b"II*\0\x08\0\0\0",
            "this is a TIFF image or a camera's raw file; save it",
        ),
        (
            b"\0\0\0\x20ftypavif\0\0\0\0",
            "this is an AVIF image; save it as PNG or JPEG",
        ),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "this is a film"),
        (b"%PDF-1.7", "this is a PDF document"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "this only stands for a file",
        ),
        (
            b"these are notes",
            "this is not an image; PNG, JPEG, GIF, WebP and BMP files are read",
        ),
    ] {
        let reason = reader.refused(bytes);
        assert!(reason.starts_with(what), "{reason}");
    }
}

/// A grey JPEG of 24 blocks in a row, each 2,047 steps of 65,535 brighter than the one before. From the 17th on
/// the brightness exceeds 32 bits.
fn too_bright() -> Vec<u8> {
    const BLOCKS: usize = 24;
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 131, 0x10];
    bytes.extend([0xFF; 128]);
    // The frame: 8 bits, 8 rows, one component.
    bytes.extend([
        0xFF,
        0xC0,
        0,
        11,
        8,
        0,
        8,
        0,
        8 * BLOCKS as u8,
        1,
        1,
        0x11,
        0,
    ]);
    // Two Huffman tables of one code each, `0`: a difference of 11 bits; no more of this block.
    for (table, value) in [(0x00, 11), (0x10, 0)] {
        bytes.extend([0xFF, 0xC4, 0, 20, table, 1]);
        bytes.extend([0; 15]);
        bytes.push(value);
    }
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
    let bits = "0111111111110".repeat(BLOCKS);
    for byte in bits.as_bytes().chunks(8) {
        let byte = byte.iter().fold(0, |byte, bit| (byte << 1) | (bit - b'0'));
        bytes.push(byte);
        if byte == 0xFF {
            bytes.push(0);
        }
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

#[test]
fn brightness_may_overflow() {
    // libjpeg reads it, too. The decoder of `image` panics if overflows are checked.
    assert!(Reader::new().read(&too_bright()).is_ok());
}

/// A PNG file with the header of an image of this size, and without pixels.
fn png_without_pixels(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    for (kind, content) in [
        (b"IHDR", [&header[..], &[8, 2, 0, 0, 0]].concat()),
        (b"IDAT", vec![0x78, 0x9C, 0x03, 0, 0, 0, 0, 1]),
        (b"IEND", vec![]),
    ] {
        bytes.extend((content.len() as u32).to_be_bytes());
        let chunk = [&kind[..], &content].concat();
        bytes.extend(&chunk);
        bytes.extend(crc(&chunk).to_be_bytes());
    }
    bytes
}

/// The checksum of PNG, third edition, annex D.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc: u32, _| match crc & 1 {
            0 => crc >> 1,
            _ => 0xEDB8_8320 ^ (crc >> 1),
        })
    })
}

#[test]
fn impossible_sizes_are_refused_before_memory_is_allocated() {
    let reader = Reader::new();
    let mut jpeg = file("colour_444.jpg");
    let frame = jpeg
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
    let mut gif = file("colour.gif");
    gif[6..10].fill(0xFF);
    let mut bmp = file("colour.bmp");
    bmp[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    for (what, bytes) in [
        ("60,000 × 60,000", png_without_pixels(60_000, 60_000)),
        ("29,000 × 29,000", png_without_pixels(29_000, 29_000)),
        ("JPEG", jpeg),
        ("GIF", gif),
        ("BMP", bmp),
    ] {
        let reason = reader.refused(&bytes);
        assert!(
            reason.starts_with("the image is too large: at most 30000 pixels"),
            "{what}: {reason}"
        );
    }
    // Images are small, so that none is refused for its size.
    assert!(
        reader
            .refused(&png_without_pixels(20, 20))
            .contains("damaged")
    );
}

#[test]
fn any_change_to_a_file_is_read_or_refused() {
    let reader = Reader::new();
    for (name, whole) in files() {
        let random = &mut ChaCha8Rng::seed_from_u64(whole.len() as u64);
        let rounds = if name == "large.jpg" { 20 } else { 300 };
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..random.gen_range(1..5) {
                // Changes in the header have most effects.
                let most = if random.r#gen() { 200 } else { bytes.len() };
                let position = random.gen_range(0..most.min(bytes.len()));
                bytes[position] = random.r#gen();
            }
            if random.gen_ratio(1, 4) {
                let from = random.gen_range(0..bytes.len());
                let part = bytes[from..].to_vec();
                let at = random.gen_range(0..bytes.len());
                bytes.splice(at..at, part);
            }
            if name.ends_with("png") {
                correct_checksums(&mut bytes);
            }
            let _ = reader.read(&bytes);
        }
    }
}

/// Corrects the checksums of a PNG, so that the decoder reads what comes after them.
fn correct_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(chunk) = bytes.get(at + 4..at.saturating_add(length + 8)) else {
            return;
        };
        let sum = crc(chunk).to_be_bytes();
        at += length + 8;
        match bytes.get_mut(at..at + 4) {
            Some(place) => place.copy_from_slice(&sum),
            None => return,
        }
        at += 4;
    }
}

/// A folder with an image of each of two classes.
fn two_classes() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for class in ["bear", "cat"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        fs::write(folder.path().join(class).join("1.png"), file("colour.png")).unwrap();
    }
    folder
}

/// The names of the files of the class `cat` that were skipped, with the reasons.
fn skipped_cats(folder: &Path) -> Vec<(String, String)> {
    let folder = load_folder(folder, SHAPE).unwrap();
    assert_eq!(folder.dataset.class_counts()[0], 1);
    let named = folder.skipped.into_iter().map(|skipped| {
        let name = skipped.path.file_name().unwrap().to_str().unwrap();
        (name.to_owned(), skipped.reason)
    });
    named.collect()
}

#[test]
fn damaged_files_of_a_folder_are_skipped() {
    let folder = two_classes();
    let cat = folder.path().join("cat");
    let (png, jpeg) = (file("colour.png"), file("colour_420.jpg"));
    let mut wrong = png.clone();
    wrong[60] ^= 1;
    fs::write(cat.join("bomb.png"), png_without_pixels(60_000, 60_000)).unwrap();
    fs::write(cat.join("half.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(cat.join("no_end.jpg"), &jpeg[..jpeg.len() - 2]).unwrap();
    fs::write(cat.join("no_end.png"), &png[..png.len() - 12]).unwrap();
    fs::write(cat.join("photo.jfif"), &jpeg).unwrap();
    fs::write(cat.join("photo.png"), &jpeg).unwrap();
    fs::write(cat.join("too_bright.jpg"), too_bright()).unwrap();
    fs::write(cat.join("wrong.png"), wrong).unwrap();
    let left_out = skipped_cats(folder.path());
    let names: Vec<&str> = left_out.iter().map(|(name, _)| &name[..]).collect();
    let expected = [
        "bomb.png",
        "half.jpg",
        "no_end.jpg",
        "no_end.png",
        "wrong.png",
    ];
    assert_eq!(names, expected, "{left_out:?}");
}

#[cfg(unix)]
#[test]
fn what_is_not_a_file_is_skipped_without_waiting_for_it() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    let folder = two_classes();
    let cat = folder.path().join("cat");
    fs::create_dir(cat.join("folder.png")).unwrap();
    let pipe = std::ffi::CString::new(cat.join("pipe.png").to_str().unwrap()).unwrap();
    // SAFETY: the string ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    let _listener = UnixListener::bind(cat.join("socket.png")).unwrap();
    symlink("/dev/zero", cat.join("device.png")).unwrap();
    symlink("nowhere", cat.join("dangling.png")).unwrap();
    symlink("loop.png", cat.join("loop.png")).unwrap();
    let left_out = skipped_cats(folder.path());
    let found: Vec<(&str, bool)> = left_out
        .iter()
        .map(|(name, reason)| (&name[..], reason.contains("a pipe, a socket or a device")))
        .collect();
    let expected = [
        ("dangling.png", false),
        ("device.png", true),
        ("folder.png", false),
        ("loop.png", false),
        ("pipe.png", true),
        ("socket.png", true),
    ];
    assert_eq!(found, expected, "{left_out:?}");
}

#[cfg(unix)]
#[test]
fn a_file_without_read_permission_is_skipped() {
    use std::os::unix::fs::PermissionsExt;
    let folder = two_classes();
    let path = folder.path().join("cat/2.png");
    fs::write(&path, file("colour.png")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // root may read everything
    }
    let left_out = skipped_cats(folder.path());
    assert!(left_out[0].1.starts_with("cannot be read"), "{left_out:?}");
}
