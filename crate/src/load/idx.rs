//! IDX, the format of MNIST's files: a magic number, the size of each dimension, the items
//! (<http://yann.lecun.com/exdb/mnist/>).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::path::check_regular_file;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTE: u8 = 0x08;

/// The best ratio of deflate: a match of 258 bytes takes at least two bits.
const MAX_DEFLATE_RATIO: u64 = 1032;

const BUFFER_SIZE: usize = 1 << 18;

const ADVICE: &str = "delete it and load again, so that it is downloaded anew";

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each dimension, the slowest first.
    pub shape: Vec<usize>,
    /// The items, as many as the product of the sizes.
    pub bytes: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes with this many dimensions, gzipped or not.
///
/// The sizes in the header are checked against the size of the file before memory is allocated.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, [`Error::File`] for a folder, a pipe, a socket or a device,
/// and for a file that is not a complete IDX file of unsigned bytes with this many dimensions.
pub fn read_idx(path: &Path, dimensions: usize) -> Result<Idx> {
    check_regular_file(path, "a file")?;
    let (mut reader, length) = open(path).map_err(Error::io("read", path))?;
    let start = reader.fill_buf().map_err(Error::io("read", path))?;
    if start.starts_with(&GZIP_MAGIC) {
        let max_bytes = length.saturating_mul(MAX_DEFLATE_RATIO);
        parse_idx(MultiGzDecoder::new(reader), max_bytes, dimensions, path)
    } else {
        parse_idx(reader, length, dimensions, path)
    }
}

fn open(path: &Path) -> io::Result<(BufReader<File>, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((BufReader::with_capacity(BUFFER_SIZE, file), length))
}

/// Parses decompressed content of at most `max_bytes` bytes. `path` is for error messages.
fn parse_idx(mut reader: impl Read, max_bytes: u64, dimensions: usize, path: &Path) -> Result<Idx> {
    let shape = read_header(&mut reader, dimensions, path)?;
    let bytes = read_items(&mut reader, max_bytes, &shape, path)?;
    if !read_at_most(&mut reader, 1, path)?.is_empty() {
        let shape = shape_text(&shape);
        let reason =
            format!("the file goes on after the {shape} bytes its header promises; {ADVICE}");
        return Err(Error::file(path, reason));
    }
    Ok(Idx { shape, bytes })
}

fn read_header(reader: &mut impl Read, dimensions: usize, path: &Path) -> Result<Vec<usize>> {
    let magic = read_at_most(reader, 4, path)?;
    check_magic(&magic, dimensions).map_err(|reason| Error::file(path, reason))?;
    let sizes = read_at_most(reader, 4 * dimensions, path)?;
    if sizes.len() < 4 * dimensions {
        let found = magic.len() + sizes.len();
        let expected = 4 + 4 * dimensions;
        let reason =
            format!("the file ends inside its header, after {found} of {expected} bytes; {ADVICE}");
        return Err(Error::file(path, reason));
    }
    let (sizes, _) = sizes.as_chunks::<4>();
    Ok(sizes
        .iter()
        .map(|&size| u32::from_be_bytes(size) as usize)
        .collect())
}

fn check_magic(magic: &[u8], dimensions: usize) -> std::result::Result<(), String> {
    match *magic {
        [] => Err(format!("the file is empty; {ADVICE}")),
        [0, 0, UNSIGNED_BYTE, found] if usize::from(found) == dimensions => Ok(()),
        [0, 0, UNSIGNED_BYTE, found] => Err(format!(
            "the file has {found} dimension(s) instead of {dimensions}: images have 3 and labels \
             1; put the right file in its place"
        )),
        _ => Err(format!(
            "this is not an IDX file of unsigned bytes: it begins with {}{}, expected 00 00 08 \
             {dimensions:02x}; {ADVICE}",
            hex(magic),
            guess_format(magic)
        )),
    }
}

/// What the file may be instead.
fn guess_format(magic: &[u8]) -> &'static str {
    match *magic {
        [b'<', ..] => " (a web page?)",
        [0x1f, 0x8b, ..] => " (compressed twice?)",
        [b'P', b'K', ..] => " (a zip archive?)",
        [0x89, b'P', b'N', b'G'] | [0xff, 0xd8, 0xff, _] => " (a picture?)",
        [0, 0, 0x09, _] => " (signed bytes)",
        [0, 0, 0x0b | 0x0c, _] => " (wider integers)",
        [0, 0, 0x0d | 0x0e, _] => " (floating-point numbers)",
        _ => "",
    }
}

fn read_items(
    reader: &mut impl Read,
    max_bytes: u64,
    shape: &[usize],
    path: &Path,
) -> Result<Vec<u8>> {
    let wrong_size = |held: &str| {
        let shape = shape_text(shape);
        Error::file(
            path,
            format!("the header promises {shape} bytes, {held}; {ADVICE}"),
        )
    };
    let too_large = || wrong_size("more than a file of this size can hold");
    let expected = item_count(shape)
        .filter(|&count| count as u64 <= max_bytes)
        .ok_or_else(too_large)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(expected).map_err(|_| too_large())?;
    read_into(reader, expected, &mut bytes, path)?;
    if bytes.len() < expected {
        return Err(wrong_size(&format!("the file holds only {}", bytes.len())));
    }
    Ok(bytes)
}

fn item_count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |count, &size| count.checked_mul(size))
}

fn read_at_most(reader: &mut impl Read, count: usize, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(reader, count, &mut bytes, path)?;
    Ok(bytes)
}

fn read_into(reader: &mut impl Read, count: usize, bytes: &mut Vec<u8>, path: &Path) -> Result<()> {
    let taken = reader.take(count as u64).read_to_end(bytes);
    taken.map(drop).map_err(|error| read_error(path, error))
}

/// The kind of the error shows whether the gzip data are damaged.
fn read_error(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::file(
            path,
            format!("the file is cut off, its gzip data end too early; {ADVICE}"),
        ),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Error::file(path, format!("the file is damaged ({error}); {ADVICE}"))
        }
        _ => Error::io("read", path)(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    sizes.join(" × ")
}

#[cfg(test)]
mod tests;
