//! Data parallelism: the gradient of a mini-batch, computed by several threads.
//!
//! libtorch splits each operation among its threads, which then wait for each other some hundred times
//! a step, and it leaves small operations to one thread. Splitting the mini-batch is faster: each worker
//! computes the gradient of one shard of the images from start to end. Every worker needs a replica of
//! the network, with the same weights in memory, so this is done only for networks that give a
//! [`replica`](Model::replica). Their layers treat each image by itself, so the average over the shards
//! is the average over the mini-batch.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tch::{Device, Kind, Tensor};

use super::optimizer::{gradient, trainable_parameters};
use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};
use crate::load::Dataset;
use crate::notebook::panics::catch;
use crate::threads::{SingleThreaded, default_threads, use_one_thread};

/// The fewest images for which another thread is worth its cost.
const MIN_SHARD: usize = 25;

/// The loss and the gradient of one shard of a mini-batch.
#[derive(Debug)]
pub(super) struct ShardResult {
    /// The number of images in the shard.
    pub(super) images: i64,
    /// Their mean loss, one number.
    pub(super) loss: Tensor,
    /// How many of them were classified correctly, one integer.
    pub(super) correct: Tensor,
    /// The gradient of the mean loss, `[P]`.
    pub(super) gradient: Tensor,
}

/// Computes gradients of mini-batches on all processors.
pub(super) struct DataParallel<'a> {
    model: &'a dyn Model,
    parameters: Vec<Tensor>,
    dataset: Dataset,
    /// The other threads; none where mini-batches are not split.
    workers: Vec<Worker>,
}

impl<'a> DataParallel<'a> {
    /// For mini-batches of this data set, of that size at most.
    pub(super) fn new(
        model: &'a dyn Model,
        dataset: &Dataset,
        batch_size: usize,
    ) -> Result<DataParallel<'a>> {
        Ok(DataParallel {
            model,
            parameters: trainable_parameters(model)?,
            dataset: dataset.to_device(model.variables().device())?,
            workers: start_workers(model, dataset, batch_size)?,
        })
    }

    /// A guard to hold during an epoch, so that threads work on shards and not on single operations.
    pub(super) fn single_threaded(&self) -> Option<SingleThreaded> {
        (!self.workers.is_empty()).then(SingleThreaded::begin)
    }

    /// The results of all shards of a mini-batch, given the indices of its images, `[n]`, and a seed. Each
    /// shard draws its random numbers from a seed of its own.
    ///
    /// # Errors
    /// [`Error::Forward`] if the images do not fit the network.
    pub(super) fn compute_gradients(&self, rows: &Tensor, seed: u64) -> Result<Vec<ShardResult>> {
        let max_shards = rows.numel() / MIN_SHARD;
        let shards = (self.workers.len() + 1).min(max_shards).max(1);
        let mut random = StdRng::seed_from_u64(seed);
        let shards = rows.f_chunk(shards as i64, 0)?;
        let mut shards = shards.into_iter().map(|rows| Shard {
            rows,
            seed: random.r#gen(),
        });
        let own = shards.next();
        let busy: Vec<_> = self
            .workers
            .iter()
            .zip(shards)
            .map(|(worker, shard)| worker.send(shard).map(|()| worker))
            .collect();
        let own =
            own.map(|shard| shard_gradient(self.model, &self.parameters, &self.dataset, &shard));
        // Receive from every worker even if one has failed: no result may be left over for the next batch.
        let others: Vec<_> = busy
            .into_iter()
            .map(|worker| worker.and_then(Worker::receive))
            .collect();
        own.into_iter().chain(others).collect()
    }
}

/// The gradient of the mean loss of a mini-batch, `[P]`: the average over its shards, weighted by their
/// numbers of images.
///
/// # Errors
/// [`Error::Data`] if there is no shard.
pub(super) fn average_gradients(results: &[ShardResult]) -> Result<Tensor> {
    let images: i64 = results.iter().map(|result| result.images).sum();
    results
        .iter()
        .map(|result| &result.gradient * (result.images as f64 / images as f64))
        .reduce(|sum, shard| sum + shard)
        .ok_or_else(|| Error::Data("a batch holds at least 1 image".into()))
}

/// A shard of a mini-batch: the indices of its images, `[n]`, and the seed of its random numbers.
struct Shard {
    rows: Tensor,
    seed: u64,
}

fn shard_gradient(
    model: &dyn Model,
    parameters: &[Tensor],
    dataset: &Dataset,
    shard: &Shard,
) -> Result<ShardResult> {
    let (images, labels) = dataset.batch(&shard.rows);
    let mut pass = ForwardPass::training_with_seed(shard.seed);
    let logits = forward(model, &images, &mut pass)?;
    let loss = logits.cross_entropy_for_logits(&labels);
    let predicted = logits.detach().argmax(-1, false);
    Ok(ShardResult {
        images: labels.size()[0],
        gradient: gradient(&loss, parameters)?,
        loss: loss.detach(),
        correct: predicted.eq_tensor(&labels).sum(Kind::Int64),
    })
}

/// A thread that computes gradients of shards until it is dropped.
struct Worker {
    shards: Option<Sender<Shard>>,
    results: Receiver<Result<ShardResult>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a worker for each thread beside this one, as long as there are shards for it.
fn start_workers(model: &dyn Model, dataset: &Dataset, batch_size: usize) -> Result<Vec<Worker>> {
    let mut workers = Vec::new();
    if model.variables().device() == Device::Cpu {
        let threads = usize::try_from(default_threads()).unwrap_or(1);
        let images = batch_size.min(dataset.len());
        for _ in 1..threads.min(images / MIN_SHARD) {
            let Some(replica) = model.replica()? else {
                break;
            };
            share_weights(model, &*replica)?;
            workers.push(Worker::start(replica, dataset.to_device(Device::Cpu)?)?);
        }
    }
    Ok(workers)
}

impl Worker {
    fn start(replica: Box<dyn Model + Send>, dataset: Dataset) -> Result<Worker> {
        let parameters = trainable_parameters(&*replica)?;
        let (shards, received) = channel::<Shard>();
        let (sender, results) = channel();
        let thread = thread::spawn(move || {
            use_one_thread();
            for shard in received {
                let found = catch(|| shard_gradient(&*replica, &parameters, &dataset, &shard));
                let found = found.unwrap_or_else(|reason| Err(Error::Data(reason)));
                if sender.send(found).is_err() {
                    break;
                }
            }
        });
        Ok(Worker {
            shards: Some(shards),
            results,
            thread: Some(thread),
        })
    }

    fn send(&self, shard: Shard) -> Result<()> {
        let sent = self.shards.as_ref().map(|shards| shards.send(shard));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(thread_ended()),
        }
    }

    fn receive(&self) -> Result<ShardResult> {
        self.results.recv().unwrap_or_else(|_| Err(thread_ended()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.shards.take());
        if let Some(thread) = self.thread.take() {
            // It catches panics, so there is no error to report.
            let _ended = thread.join();
        }
    }
}

fn thread_ended() -> Error {
    Error::Data("a thread of the training has ended; start the training again".into())
}

/// Lets a replica use the model's weights: the same memory, not a copy, so that an optimizer's step
/// changes both.
fn share_weights(model: &dyn Model, replica: &dyn Model) -> Result<()> {
    let _no_gradients = tch::no_grad_guard();
    let weights = model.variables().variables();
    for (name, mut variable) in replica.variables().variables() {
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
    use crate::load::batches::random_permutation;

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

    fn data_parallel<'a>(model: &'a LeNet, dataset: &Dataset, workers: usize) -> DataParallel<'a> {
        let twins = (0..workers).map(|_| {
            let replica = model.replica().unwrap().unwrap();
            share_weights(model, &*replica).unwrap();
            Worker::start(replica, dataset.to_device(Device::Cpu).unwrap()).unwrap()
        });
        DataParallel {
            model,
            parameters: trainable_parameters(model).unwrap(),
            dataset: dataset.to_device(Device::Cpu).unwrap(),
            workers: twins.collect(),
        }
    }

    fn largest(difference: Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    #[test]
    fn the_parts_of_a_batch_say_what_the_whole_says() {
        let (model, dataset) = (model(), dataset(110));
        let rows = random_permutation(110, 5).unwrap();
        let whole = data_parallel(&model, &dataset, 0)
            .compute_gradients(&rows, 0)
            .unwrap();
        assert_eq!(whole.len(), 1);
        let (images, labels) = dataset.batch(&rows);
        let logits = forward(&model, &images, &mut ForwardPass::training()).unwrap();
        let loss = logits.cross_entropy_for_logits(&labels);
        let expected = gradient(&loss, &trainable_parameters(&model).unwrap()).unwrap();
        assert_eq!(average_gradients(&whole).unwrap(), expected);

        // 110 images in 3 shards: 37, 37 and 36, so the mean must weigh them.
        let shards = data_parallel(&model, &dataset, 2)
            .compute_gradients(&rows, 0)
            .unwrap();
        let counts: Vec<i64> = shards.iter().map(|shard| shard.images).collect();
        assert_eq!(counts, [37, 37, 36]);
        assert!(largest(average_gradients(&shards).unwrap() - &expected) < 1e-6);
        let right: i64 = shards
            .iter()
            .map(|shard| shard.correct.int64_value(&[]))
            .sum();
        assert_eq!(right, whole[0].correct.int64_value(&[]));
        let loss: f64 = shards
            .iter()
            .map(|shard| shard.loss.double_value(&[]) * shard.images as f64)
            .sum();
        assert!((loss / 110.0 - whole[0].loss.double_value(&[])).abs() < 1e-6);
    }

    #[test]
    fn a_small_batch_stays_whole() {
        let (model, dataset) = (model(), dataset(60));
        let data_parallel = data_parallel(&model, &dataset, 3);
        let shards = |count| {
            let rows = Tensor::arange(count, (Kind::Int64, Device::Cpu));
            data_parallel.compute_gradients(&rows, 0).unwrap().len()
        };
        assert_eq!(
            [shards(1), shards(49), shards(50), shards(60)],
            [1, 1, 2, 2]
        );
    }

    #[test]
    fn a_change_of_the_weights_is_seen_by_all() {
        let (model, dataset) = (model(), dataset(50));
        let data_parallel = data_parallel(&model, &dataset, 1);
        let _shared_out = data_parallel.single_threaded();
        let rows = Tensor::arange(25, (Kind::Int64, Device::Cpu)).repeat([2]);
        for _ in 0..2 {
            let results = data_parallel.compute_gradients(&rows, 0).unwrap();
            assert_eq!(results[0].gradient, results[1].gradient);
            let _no_gradients = tch::no_grad_guard();
            let mut bias = model.variables().variables()["fc3.bias"].shallow_clone();
            let _ = bias.g_add_scalar_(0.5);
        }
    }

    #[test]
    fn what_fails_in_another_thread_fails_here_and_the_next_batch_is_right() {
        let (model, dataset) = (model(), dataset(50));
        let data_parallel = data_parallel(&model, &dataset, 1);
        let beyond = Tensor::full([50], 50, (Kind::Int64, Device::Cpu));
        let rows = Tensor::arange(50, (Kind::Int64, Device::Cpu));
        let half_wrong = Tensor::cat(&[rows.narrow(0, 0, 25), beyond.narrow(0, 0, 25)], 0);
        assert!(data_parallel.compute_gradients(&half_wrong, 0).is_err());
        let results = data_parallel.compute_gradients(&rows, 0).unwrap();
        assert_eq!(results.len(), 2);
    }
}
