//! The mini-batches of a data set.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tch::Tensor;

use super::info::Normalization;
use crate::error::Result;
use crate::language::translate;
use crate::notebook::interrupt::stop_requested;
use crate::notebook::progress::print_line;
use crate::text::with_commas;

/// The mini-batches of a data set: pairs of normalised images `[n, C, H, W]` and labels `[n]`.
///
/// In a cell, ■ ends them with a message. A loop over them keeps what it has done so far.
#[derive(Debug)]
pub struct Batches {
    // Not a reference to the data set: a notebook cannot keep a variable that borrows from another.
    images: Tensor,
    labels: Tensor,
    normalization: Normalization,
    order: Tensor,
    batch_size: i64,
    start: i64,
}

impl Batches {
    /// Batches of images `[N, C, H, W]` with labels `[N]`, in the order of the indices `order`, `[N]`.
    pub(super) fn new(
        (images, labels): (&Tensor, &Tensor),
        normalization: Normalization,
        order: Tensor,
        batch_size: usize,
    ) -> Batches {
        Batches {
            images: images.shallow_clone(),
            labels: labels.shallow_clone(),
            normalization,
            order,
            batch_size: i64::try_from(batch_size).unwrap_or(i64::MAX),
            start: 0,
        }
    }

    /// The indices of the next batch's images, `[n]`, for [`Dataset::batch`](super::Dataset::batch).
    pub(crate) fn next_indices(&mut self) -> Option<Tensor> {
        let left = self.left();
        if left <= 0 {
            return None;
        }
        let leaves_one = self.batch_size > 1 && left == self.batch_size.saturating_add(1);
        let count = match leaves_one {
            true => left,
            false => self.batch_size.min(left),
        };
        let indices = self.order.narrow(0, self.start, count);
        self.start += count;
        Some(indices)
    }

    /// The next batch, even after ■: for work that handles ■ itself.
    pub(crate) fn next_batch(&mut self) -> Option<(Tensor, Tensor)> {
        let indices = self.next_indices()?;
        let (images, labels) = (&self.images, &self.labels);
        Some(batch(images, labels, self.normalization, &indices))
    }

    fn left(&self) -> i64 {
        self.order.size()[0] - self.start
    }

    fn stop(&mut self) {
        // In nested loops, only the loop that was running prints a message.
        if self.start > 0 && self.left() > 0 {
            let done = with_commas(self.start as usize);
            let all = with_commas(self.order.numel());
            print_line(&translate!(
                "stopped after {done} of {all} images of this pass",
                "{done} / {all} 枚まで進んだところで停止しました"
            ));
        }
        self.start = self.order.size()[0];
    }
}

impl Iterator for Batches {
    type Item = (Tensor, Tensor);

    fn next(&mut self) -> Option<Self::Item> {
        if stop_requested() {
            self.stop();
        }
        self.next_batch()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left().max(0) as usize;
        let batches = batches_per_epoch(left, self.batch_size as usize);
        (batches, Some(batches))
    }
}

impl ExactSizeIterator for Batches {}

/// How many batches an epoch has: see [`Dataset::shuffled_batches`](super::Dataset::shuffled_batches).
pub(crate) fn batches_per_epoch(images: usize, batch_size: usize) -> usize {
    let full = images / batch_size;
    match images % batch_size {
        0 => full,
        1 if full > 0 => full,
        _ => full + 1,
    }
}

/// The normalised images `[n, C, H, W]` and the labels `[n]` of these indices, `[n]`.
pub(super) fn batch(
    images: &Tensor,
    labels: &Tensor,
    normalization: Normalization,
    indices: &Tensor,
) -> (Tensor, Tensor) {
    let images = images.index_select(0, indices);
    (
        normalization.apply(&images),
        labels.index_select(0, indices),
    )
}

/// The numbers 0 to `count` − 1 in an order that depends on the seed alone, `[count]`, `i64`: PyTorch's
/// `randperm`.
///
/// It does not use libtorch's generator: that differs between devices, and other code may have used it.
pub(crate) fn random_permutation(count: usize, seed: u64) -> Result<Tensor> {
    let mut order: Vec<i64> = (0..count as i64).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    Ok(Tensor::f_from_slice(&order)?)
}
