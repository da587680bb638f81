//! What the weights have to learn from a batch, found by one thread or by several.
//!
//! libtorch shares out each operation among threads, which then wait for each other some hundred
//! times a step, and leaves what is small to one of them. It is faster to share out the batch: every
//! thread takes a part of the images all the way to the gradient. That takes a network for each
//! thread, all with the same weights in memory, so it is done for those that give a
//! [`replica`](Model::replica); their layers treat every image on its own, so the mean over the parts
//! is that over the batch.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tch::{Device, Kind, Tensor};

use super::optimizer::gradient;
use super::trainable;
use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};
use crate::load::Dataset;
use crate::panics::catch;
use crate::threads::{OneThreadEach, compute_alone, usual_threads};

/// Fewer images than this are not worth a thread.
const SMALLEST_PART: usize = 25;

/// What a batch, or a part of one, says.
#[derive(Debug)]
pub(super) struct Lesson {
    /// How many images it is from.
    pub(super) images: i64,
    /// Their mean loss, one number.
    pub(super) loss: Tensor,
    /// How many of them got the right answer, one integer.
    pub(super) right: Tensor,
    /// The gradient of the mean loss, `[P]`.
    pub(super) gradient: Tensor,
}

/// Finds out, with all processors, what a batch says.
pub(super) struct Learner<'a> {
    model: &'a dyn Model,
    parameters: Vec<Tensor>,
    dataset: Dataset,
    /// The other threads; none where the batch is left whole.
    helpers: Vec<Helper>,
}

impl<'a> Learner<'a> {
    /// Learns from this data set, in batches of that size at most.
    pub(super) fn new(
        model: &'a dyn Model,
        dataset: &Dataset,
        batch_size: usize,
    ) -> Result<Learner<'a>> {
        Ok(Learner {
            model,
            parameters: trainable(model)?,
            dataset: dataset.to_device(model.variables().device())?,
            helpers: helpers(model, dataset, batch_size)?,
        })
    }

    /// To be held while an epoch is learned: the threads take parts, not operations.
    pub(super) fn share_out(&self) -> Option<OneThreadEach> {
        (!self.helpers.is_empty()).then(OneThreadEach::begin)
    }

    /// The lessons of the parts of a batch, given the indices of its images, `[n]`, and the seed of its
    /// random numbers, of which every part has its own.
    ///
    /// # Errors
    /// [`Error::Forward`] if the images do not fit the network.
    pub(super) fn learn(&self, rows: &Tensor, seed: u64) -> Result<Vec<Lesson>> {
        let most = rows.numel() / SMALLEST_PART;
        let parts = (self.helpers.len() + 1).min(most).max(1);
        let mut random = StdRng::seed_from_u64(seed);
        let parts = rows.f_chunk(parts as i64, 0)?;
        let mut parts = parts.into_iter().map(|rows| Part {
            rows,
            seed: random.r#gen(),
        });
        let own = parts.next();
        let asked: Vec<_> = self
            .helpers
            .iter()
            .zip(parts)
            .map(|(helper, part)| helper.ask(part).map(|()| helper))
            .collect();
        let own = own.map(|part| lesson(self.model, &self.parameters, &self.dataset, &part));
        // All are heard even if one has failed: no answer may be left for the next batch.
        let others: Vec<_> = asked
            .into_iter()
            .map(|helper| helper.and_then(Helper::answer))
            .collect();
        own.into_iter().chain(others).collect()
    }
}

/// The gradient of the mean loss of a batch, `[P]`, from those of its parts.
///
/// # Errors
/// [`Error::Data`] if there is no part.
pub(super) fn mean_gradient(lessons: &[Lesson]) -> Result<Tensor> {
    let images: i64 = lessons.iter().map(|lesson| lesson.images).sum();
    lessons
        .iter()
        .map(|lesson| &lesson.gradient * (lesson.images as f64 / images as f64))
        .reduce(|sum, part| sum + part)
        .ok_or_else(|| Error::Data("a batch holds at least 1 image".into()))
}

/// A part of a batch: the indices of its images, `[n]`, and the seed of its random numbers.
struct Part {
    rows: Tensor,
    seed: u64,
}

fn lesson(
    model: &dyn Model,
    parameters: &[Tensor],
    dataset: &Dataset,
    part: &Part,
) -> Result<Lesson> {
    let (images, labels) = dataset.batch(&part.rows);
    let mut pass = ForwardPass::training_with_seed(part.seed);
    let logits = forward(model, &images, &mut pass)?;
    let loss = logits.cross_entropy_for_logits(&labels);
    let answers = logits.detach().argmax(-1, false);
    Ok(Lesson {
        images: labels.size()[0],
        gradient: gradient(&loss, parameters)?,
        loss: loss.detach(),
        right: answers.eq_tensor(&labels).sum(Kind::Int64),
    })
}

/// A thread that learns from parts of batches until it is dropped.
struct Helper {
    parts: Option<Sender<Part>>,
    lessons: Receiver<Result<Lesson>>,
    thread: Option<JoinHandle<()>>,
}

/// As many as there are threads beside this one, and parts for them.
fn helpers(model: &dyn Model, dataset: &Dataset, batch_size: usize) -> Result<Vec<Helper>> {
    let mut helpers = Vec::new();
    if model.variables().device() == Device::Cpu {
        let threads = usize::try_from(usual_threads()).unwrap_or(1);
        let images = batch_size.min(dataset.len());
        for _ in 1..threads.min(images / SMALLEST_PART) {
            let Some(twin) = model.replica()? else {
                break;
            };
            share_weights(model, &*twin)?;
            helpers.push(Helper::start(twin, dataset.to_device(Device::Cpu)?)?);
        }
    }
    Ok(helpers)
}

impl Helper {
    fn start(twin: Box<dyn Model + Send>, dataset: Dataset) -> Result<Helper> {
        let parameters = trainable(&*twin)?;
        let (parts, asked) = channel::<Part>();
        let (answers, lessons) = channel();
        let thread = thread::spawn(move || {
            compute_alone();
            for part in asked {
                let found = catch(|| lesson(&*twin, &parameters, &dataset, &part));
                let found = found.unwrap_or_else(|reason| Err(Error::Data(reason)));
                if answers.send(found).is_err() {
                    break;
                }
            }
        });
        Ok(Helper {
            parts: Some(parts),
            lessons,
            thread: Some(thread),
        })
    }

    fn ask(&self, part: Part) -> Result<()> {
        let sent = self.parts.as_ref().map(|parts| parts.send(part));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(ended()),
        }
    }

    fn answer(&self) -> Result<Lesson> {
        self.lessons.recv().unwrap_or_else(|_| Err(ended()))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.parts.take());
        if let Some(thread) = self.thread.take() {
            // It catches panics, so there is nothing to be told.
            let _ended = thread.join();
        }
    }
}

fn ended() -> Error {
    Error::Data("a thread of the training has ended; start the training again".into())
}

/// Lets a replica have the model's weights: the same memory, not a copy, so that what an optimizer does
/// to them holds for both.
fn share_weights(model: &dyn Model, twin: &dyn Model) -> Result<()> {
    let _no_gradients = tch::no_grad_guard();
    let weights = model.variables().variables();
    for (name, mut variable) in twin.variables().variables() {
        let own = weights.get(&name).ok_or_else(|| {
            Error::Data(format!(
                "the network has no `{name}`, though its replica has"
            ))
        })?;
        if own.size() != variable.size() {
            return Err(Error::Data(format!(
                "`{name}` has another shape than in its replica"
            )));
        }
        variable.f_set_data(&own.detach())?;
        let _ = variable.set_requires_grad(own.requires_grad());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use crate::load::shuffled;

    fn dataset(count: i64) -> Dataset {
        tch::manual_seed(3);
        let images = Tensor::randint(256, [count, 1, 28, 28], (Kind::Uint8, Device::Cpu));
        let labels = Tensor::randint(10, [count], (Kind::Int64, Device::Cpu));
        let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
        Dataset::new(&images, &labels, &classes).unwrap()
    }

    fn model() -> LeNet {
        LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap()
    }

    fn learner<'a>(model: &'a LeNet, dataset: &Dataset, helpers: usize) -> Learner<'a> {
        let twins = (0..helpers).map(|_| {
            let twin = model.replica().unwrap().unwrap();
            share_weights(model, &*twin).unwrap();
            Helper::start(twin, dataset.to_device(Device::Cpu).unwrap()).unwrap()
        });
        Learner {
            model,
            parameters: trainable(model).unwrap(),
            dataset: dataset.to_device(Device::Cpu).unwrap(),
            helpers: twins.collect(),
        }
    }

    fn largest(difference: Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    #[test]
    fn the_parts_of_a_batch_say_what_the_whole_says() {
        let (model, dataset) = (model(), dataset(110));
        let rows = shuffled(110, 5).unwrap();
        let whole = learner(&model, &dataset, 0).learn(&rows, 0).unwrap();
        assert_eq!(whole.len(), 1);
        let (images, labels) = dataset.batch(&rows);
        let logits = forward(&model, &images, &mut ForwardPass::training()).unwrap();
        let loss = logits.cross_entropy_for_logits(&labels);
        let expected = gradient(&loss, &trainable(&model).unwrap()).unwrap();
        assert_eq!(mean_gradient(&whole).unwrap(), expected);

        // 110 images in 3 parts: 37, 37 and 36, so the mean must weigh them.
        let parts = learner(&model, &dataset, 2).learn(&rows, 0).unwrap();
        let counts: Vec<i64> = parts.iter().map(|part| part.images).collect();
        assert_eq!(counts, [37, 37, 36]);
        assert!(largest(mean_gradient(&parts).unwrap() - &expected) < 1e-6);
        let right: i64 = parts.iter().map(|part| part.right.int64_value(&[])).sum();
        assert_eq!(right, whole[0].right.int64_value(&[]));
        let loss: f64 = parts
            .iter()
            .map(|part| part.loss.double_value(&[]) * part.images as f64)
            .sum();
        assert!((loss / 110.0 - whole[0].loss.double_value(&[])).abs() < 1e-6);
    }

    #[test]
    fn a_small_batch_stays_whole() {
        let (model, dataset) = (model(), dataset(60));
        let learner = learner(&model, &dataset, 3);
        let parts = |count| {
            let rows = Tensor::arange(count, (Kind::Int64, Device::Cpu));
            learner.learn(&rows, 0).unwrap().len()
        };
        assert_eq!([parts(1), parts(49), parts(50), parts(60)], [1, 1, 2, 2]);
    }

    #[test]
    fn a_change_of_the_weights_is_seen_by_all() {
        let (model, dataset) = (model(), dataset(50));
        let learner = learner(&model, &dataset, 1);
        let _shared_out = learner.share_out();
        let rows = Tensor::arange(25, (Kind::Int64, Device::Cpu)).repeat([2]);
        for _ in 0..2 {
            let lessons = learner.learn(&rows, 0).unwrap();
            assert_eq!(lessons[0].gradient, lessons[1].gradient);
            let _no_gradients = tch::no_grad_guard();
            let mut bias = model.variables().variables()["fc3.bias"].shallow_clone();
            let _ = bias.g_add_scalar_(0.5);
        }
    }

    #[test]
    fn what_fails_in_another_thread_fails_here_and_the_next_batch_is_right() {
        let (model, dataset) = (model(), dataset(50));
        let learner = learner(&model, &dataset, 1);
        let beyond = Tensor::full([50], 50, (Kind::Int64, Device::Cpu));
        let rows = Tensor::arange(50, (Kind::Int64, Device::Cpu));
        let half_wrong = Tensor::cat(&[rows.narrow(0, 0, 25), beyond.narrow(0, 0, 25)], 0);
        assert!(learner.learn(&half_wrong, 0).is_err());
        let lessons = learner.learn(&rows, 0).unwrap();
        assert_eq!(lessons.len(), 2);
    }
}
