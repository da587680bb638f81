use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

fn header(sizes: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes
}

fn idx_file(sizes: &[u32], items: &[u8]) -> Vec<u8> {
    [header(sizes), items.to_vec()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn parse(bytes: &[u8], dimensions: usize) -> Result<Idx> {
    parse_idx(bytes, bytes.len() as u64, dimensions, Path::new("some.idx"))
}

/// Reads the bytes from a file `data.idx`. Its folder is removed from the message.
fn read(bytes: &[u8], dimensions: usize) -> std::result::Result<Idx, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.idx");
    std::fs::write(&path, bytes).unwrap();
    read_idx(&path, dimensions).map_err(|error| {
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "no path: {text}");
        text.replace(path.to_str().unwrap(), "data.idx")
    })
}

fn message(bytes: &[u8], dimensions: usize) -> String {
    read(bytes, dimensions).unwrap_err()
}

fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../data/fashion-mnist")
        .join(name)
}

#[test]
fn the_content_shows_whether_a_file_is_gzipped() {
    let file = idx_file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let expected = Idx {
        shape: vec![2, 3],
        bytes: vec![1, 2, 3, 4, 5, 6],
    };
    assert_eq!(read(&file, 2).unwrap(), expected);
    assert_eq!(read(&gzip(&file), 2).unwrap(), expected);
}

#[test]
fn gzip_files_of_several_members_are_one_stream() {
    let file = idx_file(&[4], &[1, 2, 3, 4]);
    let members = [gzip(&file[..9]), gzip(&file[9..])].concat();
    assert_eq!(read(&members, 1).unwrap().bytes, [1, 2, 3, 4]);
}

#[test]
fn a_size_of_zero_means_no_items() {
    let idx = read(&idx_file(&[0, 28, 28], &[]), 3).unwrap();
    assert_eq!(idx.shape, [0, 28, 28]);
    assert!(idx.bytes.is_empty());
}

#[test]
fn memory_is_allocated_for_the_decoded_size_only() {
    let idx = read(&gzip(&idx_file(&[100, 1000], &[7; 100_000])), 2).unwrap();
    assert_eq!(idx.bytes.len(), 100_000);
    assert_eq!(idx.bytes.capacity(), 100_000);
}

#[test]
fn committed_files_decode_to_the_committed_checksums() {
    let sums = std::fs::read_to_string(committed("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 4);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let dimensions = if name.contains("images") { 3 } else { 1 };
        let idx = read_idx(&committed(&format!("{name}.gz")), dimensions).unwrap();
        let sizes: Vec<u32> = idx.shape.iter().map(|&size| size as u32).collect();
        let mut hasher = Sha256::new_with_prefix(header(&sizes));
        hasher.update(&idx.bytes);
        assert_eq!(format!("{:x}", hasher.finalize()), sum, "{name}");
    }
}

#[test]
fn committed_files_hold_70_000_images_of_28_by_28_in_equal_classes() {
    for (split, count) in [("train", 60_000), ("t10k", 10_000)] {
        let images = read_idx(&committed(&format!("{split}-images-idx3-ubyte.gz")), 3).unwrap();
        let labels = read_idx(&committed(&format!("{split}-labels-idx1-ubyte.gz")), 1).unwrap();
        assert_eq!(images.shape, [count, 28, 28]);
        assert_eq!(labels.shape, [count]);
        for class in 0..10 {
            let of_class = labels.bytes.iter().filter(|&&label| label == class);
            assert_eq!(of_class.count(), count / 10);
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.gz");
    let error = read_idx(&path, 1).unwrap_err();
    assert!(
        matches!(&error, Error::Io { action: "read", path: p, source }
            if *p == path && source.kind() == io::ErrorKind::NotFound),
        "{error}"
    );
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_idx(folder.path(), 1).unwrap_err();
    assert!(
        matches!(&error, Error::File { path, reason } if path == folder.path() && reason == "this is a folder, not a file"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the string ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let error = read_idx(&path, 1).unwrap_err().to_string();
    assert!(
        error.ends_with("this is a pipe, a socket or a device, not a file"),
        "{error}"
    );
}

#[test]
fn empty_files_and_gzip_files_of_nothing_are_empty() {
    let expected =
        "data.idx: the file is empty; delete it and load again, so that it is downloaded anew";
    assert_eq!(message(&[], 1), expected);
    assert_eq!(message(&gzip(&[]), 1), expected);
}

#[test]
fn a_wrong_magic_number_says_what_was_found_and_expected() {
    let cases: [(&[u8], &str); 8] = [
        (b"<!DOCTYPE html>", "3c 21 44 4f (a web page?)"),
        (b"PK\x03\x04", "50 4b 03 04 (a zip archive?)"),
        (b"\x89PNG\r\n", "89 50 4e 47 (a picture?)"),
        (&[0, 0, 0x09, 3], "00 00 09 03 (signed bytes)"),
        (&[0, 0, 0x0b, 3], "00 00 0b 03 (wider integers)"),
        (&[0, 0, 0x0d, 3], "00 00 0d 03 (floating-point numbers)"),
        (&[1, 2, 3, 4], "01 02 03 04"),
        (&[0, 0], "00 00"),
    ];
    for (bytes, found) in cases {
        let expected = format!(
            "data.idx: this is not an IDX file of unsigned bytes: it begins with {found}, \
             expected 00 00 08 03; delete it and load again, so that it is downloaded anew"
        );
        assert_eq!(message(bytes, 3), expected);
        assert_eq!(message(&gzip(bytes), 3), expected);
    }
}

#[test]
fn a_file_compressed_twice_is_recognised() {
    let twice = gzip(&gzip(&idx_file(&[1], &[1])));
    assert!(message(&twice, 1).contains("begins with 1f 8b 08 00 (compressed twice?)"));
}

#[test]
fn labels_instead_of_images_are_recognised_by_their_dimensions() {
    assert_eq!(
        message(&idx_file(&[3], &[1, 2, 3]), 3),
        "data.idx: the file has 1 dimension(s) instead of 3: images have 3 and labels 1; \
         put the right file in its place"
    );
}

#[test]
fn the_error_for_an_incomplete_header_gives_its_length() {
    for length in 4..16 {
        let expected = format!(
            "data.idx: the file ends inside its header, after {length} of 16 bytes; \
             delete it and load again, so that it is downloaded anew"
        );
        assert_eq!(message(&header(&[10, 28, 28])[..length], 3), expected);
    }
}

#[test]
fn a_header_with_larger_sizes_than_the_file_is_an_error() {
    assert_eq!(
        message(&gzip(&idx_file(&[3, 2], &[1, 2, 3, 4])), 2),
        "data.idx: the header promises 3 × 2 bytes, the file holds only 4; \
         delete it and load again, so that it is downloaded anew"
    );
    assert_eq!(
        message(&idx_file(&[3, 2], &[1, 2, 3, 4]), 2),
        "data.idx: the header promises 3 × 2 bytes, the file holds only 4; \
         delete it and load again, so that it is downloaded anew"
    );
}

#[test]
fn impossible_sizes_are_an_error_before_memory_is_allocated() {
    let half = 1_u32 << 20;
    for sizes in [
        vec![half, half, half],
        vec![u32::MAX; 3],
        vec![60_000, 28, 28],
        vec![u32::MAX, 1, 1],
    ] {
        let shape: Vec<String> = sizes.iter().map(u32::to_string).collect();
        let expected = format!(
            "data.idx: the header promises {} bytes, more than a file of this size can hold; \
             delete it and load again, so that it is downloaded anew",
            shape.join(" × ")
        );
        assert_eq!(message(&header(&sizes), 3), expected);
        assert_eq!(message(&gzip(&header(&sizes)), 3), expected);
    }
}

#[test]
fn the_best_compression_is_within_the_bound() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let items = vec![0; 1 << 24];
    encoder.write_all(&idx_file(&[1 << 24], &items)).unwrap();
    let file = encoder.finish().unwrap();
    assert!(file.len() < (1 << 24) / 1000, "{}", file.len());
    assert_eq!(read(&file, 1).unwrap().bytes, items);
}

#[test]
fn extra_bytes_are_an_error() {
    let expected = "data.idx: the file goes on after the 2 bytes its header promises; \
                    delete it and load again, so that it is downloaded anew";
    let file = idx_file(&[2], &[1, 2, 3]);
    assert_eq!(message(&file, 1), expected);
    assert_eq!(message(&gzip(&file), 1), expected);
}

#[test]
fn a_gzip_file_cut_off_anywhere_is_an_error() {
    let whole = gzip(&idx_file(&[1000], &[5; 1000]));
    for length in 2..whole.len() {
        assert_eq!(
            message(&whole[..length], 1),
            "data.idx: the file is cut off, its gzip data end too early; \
             delete it and load again, so that it is downloaded anew",
            "{length} of {} bytes",
            whole.len()
        );
    }
}

#[test]
fn a_gzip_file_with_a_wrong_checksum_is_an_error() {
    let mut file = gzip(&idx_file(&[1000], &[5; 1000]));
    let checksum = file.len() - 8;
    file[checksum] ^= 1;
    let text = message(&file, 1);
    assert!(
        text.starts_with("data.idx: the file is damaged (corrupt gzip stream"),
        "{text}"
    );
}

#[test]
fn bytes_after_a_gzip_stream_are_an_error() {
    let file = [
        gzip(&idx_file(&[2], &[1, 2])),
        b"twenty bytes of more".to_vec(),
    ]
    .concat();
    let text = message(&file, 1);
    assert!(
        text.starts_with("data.idx: the file is damaged ("),
        "{text}"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(sizes in prop::collection::vec(0_u32..6, 1..5), seed: u8) {
        let count: u32 = sizes.iter().product();
        let items: Vec<u8> = (0..count).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let idx = parse(&idx_file(&sizes, &items), sizes.len()).unwrap();
        prop_assert_eq!(idx.bytes, items);
        prop_assert_eq!(idx.shape, sizes.iter().map(|&s| s as usize).collect::<Vec<_>>());
    }

    #[test]
    fn any_header_is_read_or_an_error(sizes in prop::collection::vec(any::<u32>(), 0..5), tail in 0_usize..64) {
        let file = idx_file(&sizes, &vec![9; tail]);
        let expected = sizes.iter().try_fold(1_u128, |n, &s| n.checked_mul(s.into()));
        match parse(&file, sizes.len()) {
            Ok(idx) => prop_assert_eq!(expected, Some(idx.bytes.len() as u128)),
            Err(error) => prop_assert!(expected != Some(tail as u128), "{}", error),
        }
    }

    #[test]
    fn the_number_of_items_is_the_product_of_the_sizes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        dimensions in 0_usize..4,
    ) {
        if let Ok(idx) = read(&bytes, dimensions) {
            prop_assert_eq!(idx.shape.len(), dimensions);
            prop_assert_eq!(idx.shape.iter().product::<usize>(), idx.bytes.len());
        }
    }

    #[test]
    fn one_wrong_byte_in_a_gzip_file_never_changes_the_items(position: prop::sample::Index, flip in 1_u8..) {
        let items: Vec<u8> = (0..500_u32).map(|i| (i * i) as u8).collect();
        let mut file = gzip(&idx_file(&[500], &items));
        let position = position.index(file.len());
        file[position] ^= flip;
        if let Ok(idx) = read(&file, 1) {
            prop_assert_eq!(idx.bytes, items);
        }
    }
}
