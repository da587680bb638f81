//! Reads many image files at once, on all processors.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::error::Result;
use crate::language::LocalizedText;
use crate::load::image_file::ImageShape;
use crate::notebook::progress::{FILES, Progress};

const READING: LocalizedText = LocalizedText {
    english: "reading the folder",
    japanese: "フォルダの読み込み",
};

/// How often to check for ■ and show the progress while files are decoded.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The pixels of a file or the error, with the index of the file.
type Decoded = (usize, Result<Vec<u8>>);

/// The pixels of each file, or why it cannot be read, in the order of the files.
///
/// Each thread decodes one image at a time, so memory holds at most one image of full size for each
/// processor.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) at ■.
pub(super) fn read_files(paths: &[&Path], shape: ImageShape) -> Result<Vec<Result<Vec<u8>>>> {
    let mut progress = Progress::of(READING, paths.len(), FILES);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (next, (sender, receiver)) = (AtomicUsize::new(0), mpsc::channel());
    thread::scope(|scope| {
        for _ in 0..threads.min(paths.len()) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || decode_next(paths, shape, next, &sender));
        }
        drop(sender);
        let results = collect_results(paths.len(), &receiver, &mut progress);
        if results.is_err() {
            // No thread starts another file.
            next.store(paths.len(), Ordering::Relaxed);
        }
        results
    })
}

/// Decodes files until none is left. All threads take their files from the counter `next`.
fn decode_next(paths: &[&Path], shape: ImageShape, next: &AtomicUsize, sender: &Sender<Decoded>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(path) = paths.get(index) else { break };
        if sender.send((index, shape.read(path))).is_err() {
            break;
        }
    }
}

fn collect_results(
    count: usize,
    receiver: &Receiver<Decoded>,
    progress: &mut Progress,
) -> Result<Vec<Result<Vec<u8>>>> {
    let mut results: Vec<_> = (0..count).map(|_| None).collect();
    let mut done = 0;
    loop {
        progress.done(done)?;
        match receiver.recv_timeout(POLL_INTERVAL) {
            Ok((index, result)) => {
                results[index] = Some(result);
                done += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(results.into_iter().flatten().collect());
            }
        }
    }
}
