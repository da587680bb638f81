//! Running loss and accuracy of an epoch.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::evaluate::Score;

/// Losses and correct answers of an epoch, which stay on the device until they are read.
#[derive(Default)]
pub(super) struct Meter {
    losses: Vec<Tensor>,
    correct: Vec<Tensor>,
    counts: Vec<i64>,
    /// The number of shards added up to the end of each step.
    step_ends: Vec<usize>,
}

impl Meter {
    pub(super) fn add(&mut self, loss: Tensor, correct: Tensor, images: i64) {
        self.losses.push(loss);
        self.correct.push(correct);
        self.counts.push(images);
    }

    pub(super) fn end_step(&mut self) {
        self.step_ends.push(self.counts.len());
    }

    /// The mean loss of each step after the first `after` steps.
    pub(super) fn step_losses(&self, after: usize) -> Result<Vec<f64>> {
        let Some(ends) = self.step_ends.get(after..).filter(|ends| !ends.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut begin = after.checked_sub(1).map_or(0, |last| self.step_ends[last]);
        let losses = Tensor::f_stack(&self.losses[begin..], 0)?;
        let losses = losses.f_to(Device::Cpu)?.f_to_kind(Kind::Float)?;
        let mut losses = Vec::<f32>::try_from(losses)?.into_iter();
        let mean = |&end: &usize| {
            let counts = &self.counts[begin..end];
            begin = end;
            let sum: f64 = counts
                .iter()
                .zip(&mut losses)
                .map(|(&n, loss)| n as f64 * f64::from(loss))
                .sum();
            sum / counts.iter().sum::<i64>() as f64
        };
        Ok(ends.iter().map(mean).collect())
    }

    pub(super) fn images(&self) -> i64 {
        self.counts.iter().sum()
    }

    pub(super) fn score(&self) -> Result<Score> {
        let losses = Vec::<f32>::try_from(
            Tensor::f_stack(&self.losses, 0)?
                .to_device(Device::Cpu)
                .to_kind(Kind::Float),
        )?;
        let correct = Tensor::f_stack(&self.correct, 0)?
            .to_device(Device::Cpu)
            .sum(Kind::Int64)
            .int64_value(&[]);
        let total: f64 = losses
            .iter()
            .zip(&self.counts)
            .map(|(&loss, &count)| f64::from(loss) * count as f64)
            .sum();
        let images = self.images() as f64;
        Ok(Score {
            loss: total / images,
            accuracy: correct as f64 / images,
        })
    }
}
