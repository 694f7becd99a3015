//! Training with gradients that are summed with those of other trainers, between the pass backward and the update.

use super::layered::Layered;
use super::moments::Gradient;
use super::plain::Plain;
use super::plan::is_refusal;
use super::{Job, Plan, Trainer};
use crate::codegen::Work;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Signal, map_on_submit, words_as_bytes};
use crate::kernels::{TrainingState, begin_pass};
use crate::readback::steps_dropped;

const OPERATION: &str = "Trainer::train_summed";

/// A plan whose steps are in two halves.
#[derive(Debug)]
enum Halves {
    Plain(Box<Plain>),
    Layered(Layered),
}

/// What a trainer needs to train together with others.
#[derive(Debug)]
pub(super) struct Summed {
    halves: Halves,
    /// A `Batch`, whose rows are the samples of all trainers: what the update divides by.
    batch: wgpu::Buffer,
    /// The gradient, the state, the batch's loss and the bits of a grid's largest gradient, on their way to the host.
    staging: wgpu::Buffer,
}

/// What a step's first half gave, on the host.
struct Sums {
    /// The gradient, the loss and the number of samples.
    vector: Vec<f32>,
    samples: u32,
    /// The steps that were done before.
    step: u64,
}

impl Trainer {
    /// Trains `steps` steps together with other trainers, on other devices, in other processes or on other machines: each of its own
    /// part of the samples, all with the same parameters. Between a step's pass backward and its update, `sum` is given a vector of
    /// numbers: the gradient, summed over this trainer's batch, as many numbers as the network has parameters; then the batch's loss,
    /// also a sum, and the number of its samples. It adds to each number those of all other trainers, for example by an all-reduce,
    /// the same way for everybody: then all have the same parameters after each step, to the last bit. Waits for each step.
    ///
    /// The update divides by the samples of *all*: the batches need not be of the same size. A loss that is read afterwards is
    /// everybody's: each step counts by this trainer's samples. Take the same network, seed, configuration and number of steps
    /// everywhere; only the samples and the batch size may differ. Steps are of the layered plan or the plain one, also where
    /// [`Trainer::record_steps`] would take another.
    ///
    /// A network that trains in microseconds a step is slower this way: the gradient goes to the host and back.
    ///
    /// ```
    /// # fn train(trainer: &mut wgrad::Trainer, all_reduce: impl Fn(&mut [f32])) -> wgrad::Result<()> {
    /// trainer.train_summed(1_000, |numbers| {
    ///     all_reduce(numbers); // of MPI, NCCL, a socket, …
    ///     Ok::<_, wgrad::Error>(())
    /// })?;
    /// println!("{:?}", trainer.read_loss()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first error of `sum`: its step has changed nothing, and the same call goes on from there. [`Error::Diverged`] for a sum that
    /// is not finite, before the step changes anything, [`Error::OutOfRange`] for fewer samples than this trainer's;
    /// [`Error::PlanUnavailable`] for a persistent plan that was chosen by name, [`Error::Count`] for a population and
    /// without samples; those of [`Trainer::train`].
    #[cfg(not(target_family = "wasm"))]
    pub fn train_summed<E: From<Error>>(
        &mut self,
        steps: u64,
        mut sum: impl FnMut(&mut [f32]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        pollster::block_on(self.train_summed_async(steps, async |numbers: &mut [f32]| sum(numbers)))
    }

    /// [`Trainer::train_summed`], awaited, as is `sum`.
    ///
    /// # Errors
    /// The same.
    pub async fn train_summed_async<E: From<Error>>(
        &mut self,
        steps: u64,
        sum: impl AsyncFnMut(&mut [f32]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if steps == 0 {
            return Ok(());
        }
        if self.state.samples().get() == 0 {
            return Err(Error::zero(OPERATION, "the number of samples").into());
        }
        let summed = match self.summed.take() {
            Some(summed) => summed,
            None => Box::new(Summed::new(self)?),
        };
        // After an error, or if this is dropped, the staging buffer may be mapped still: then the next call makes another.
        let last = self.steps_with(&summed, steps, sum).await?;
        self.summed = Some(summed);
        self.read().await?;
        match self.latest.as_ref().map_or(0, |report| report.step) {
            found if found < last => Err(steps_dropped(OPERATION, last, found).into()),
            _ => Ok(()),
        }
    }

    /// Returns how many steps should then be done.
    async fn steps_with<E: From<Error>>(
        &self,
        summed: &Summed,
        steps: u64,
        mut sum: impl AsyncFnMut(&mut [f32]) -> std::result::Result<(), E>,
    ) -> std::result::Result<u64, E> {
        let gpu = self.gpu_for_a_wait();
        let mut first = None;
        // A step's update and the next one's first half are one submission.
        for step in 0..steps {
            let mut sums = summed.first_half(self, &gpu, step > 0).await?;
            let expected = *first.get_or_insert(sums.step) + step;
            if sums.step != expected {
                return Err(steps_dropped(OPERATION, expected, sums.step).into());
            }
            sum(&mut sums.vector).await?;
            summed.write(self, &gpu, &sums)?;
        }
        let submission = gpu.submit("wgrad train summed", &mut |encoder| {
            summed.halves.record_update(&mut begin_pass(encoder, "wgrad training"));
        })?;
        gpu.wait(&submission).await?;
        Ok(first.unwrap_or(0) + steps)
    }
}

impl Summed {
    fn new(trainer: &Trainer) -> Result<Self> {
        let Trainer { gpu, network, data, state, moments, config, .. } = trainer;
        network.check_single(OPERATION)?;
        let batch = gpu.storage_buffer(OPERATION, "batch of all trainers", TrainingState::BATCH_BYTES)?;
        let job = Job { network, data, state, moments, config, work: Work::Train, summed: Some(&batch) };
        let plain = || Ok(Halves::Plain(Box::new(Plain::new(job)?)));
        let halves = match config.plan {
            Plan::Plain => plain()?,
            Plan::Layered => Halves::Layered(Layered::new(job)?),
            Plan::Auto => match Layered::new(job) {
                Err(refusal) if is_refusal(&refusal) => plain()?,
                layered => Halves::Layered(layered?),
            },
            plan => {
                let reason = "nothing comes between its steps, which are one dispatch".to_owned();
                let way_out = "choose layered, plain or auto";
                return Err(Error::PlanUnavailable { plan: plan.name(), reason, way_out });
            }
        };
        let bytes = network.parameters().size() + TrainingState::BYTES + 8;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = gpu.create_buffer(OPERATION, "readback of a gradient", bytes, usage)?;
        Ok(Summed { halves, batch, staging })
    }

    /// The bytes of its buffers, and of a batch.
    pub fn bytes(&self) -> u64 {
        self.batch.size()
            + self.staging.size()
            + match &self.halves {
                Halves::Plain(plain) => plain.bytes(),
                Halves::Layered(layered) => layered.bytes(),
            }
    }

    /// Does the first half of a step, after the `update` of the one before, and reads what it gave.
    async fn first_half(&self, trainer: &Trainer, gpu: &Gpu, update: bool) -> Result<Sums> {
        let mapped = Signal::default();
        let gradient = self.halves.gradient();
        let sources = [
            (gradient.map(|gradient| gradient.sum), trainer.network.parameters().size()),
            (Some(trainer.state.buffer()), TrainingState::BYTES),
            (Some(trainer.state.loss()), 4),
            (gradient.and_then(|gradient| gradient.largest), 4),
        ];
        let submission = gpu.submit("wgrad train summed", &mut |encoder| {
            {
                let mut pass = begin_pass(encoder, "wgrad training");
                if update {
                    self.halves.record_update(&mut pass);
                }
                trainer.record_fit(&mut pass);
                self.halves.record_gradient(&mut pass);
            }
            encoder.copy_buffer_to_buffer(trainer.state.buffer(), 0, &self.batch, 0, TrainingState::BATCH_BYTES);
            let mut offset = 0;
            for (source, bytes) in sources {
                if let Some(source) = source {
                    encoder.copy_buffer_to_buffer(source, 0, &self.staging, offset, bytes);
                }
                offset += bytes;
            }
            map_on_submit(encoder, &self.staging, &mapped);
        })?;
        gpu.wait(&submission.until(mapped)).await?;
        let words = gpu.mapped_words(&self.staging)?;
        self.staging.unmap();
        Ok(self.sums(trainer, &words))
    }

    fn sums(&self, trainer: &Trainer, words: &[u32]) -> Sums {
        let parameters = trainer.network.parameters().size() as usize / 4;
        let (gradient, rest) = words.split_at(parameters);
        let (state, rest) = rest.split_at(TrainingState::BYTES as usize / 4);
        let samples = TrainingState::rows(state);
        // A grid's gradient of infinite terms is 0: the others must know.
        let is_finite = f32::from_bits(rest[1]).is_finite();
        let loss = if is_finite { f32::from_bits(rest[0]) } else { f32::NAN };
        let gradient = &gradient[..trainer.network.mlp().parameter_count()];
        let mut vector = Vec::with_capacity(gradient.len() + 2);
        vector.extend(gradient.iter().map(|&word| f32::from_bits(word)));
        vector.extend([loss, samples as f32]);
        Sums { vector, samples, step: TrainingState::steps(state) }
    }

    /// Writes the sums of all trainers where the update reads them.
    fn write(&self, trainer: &Trainer, gpu: &Gpu, sums: &Sums) -> Result<()> {
        let (rest, gradient) = (&sums.vector[sums.vector.len() - 2..], &sums.vector[..sums.vector.len() - 2]);
        let [loss, all] = [rest[0], rest[1]];
        if !sums.vector.iter().all(|number| number.is_finite()) {
            return Err(Error::Diverged { step: sums.step, loss: loss.to_string() });
        }
        // Numbers of samples past 2^24 are rounded: one that is a little smaller is the same one.
        if f64::from(all) < f64::from(sums.samples) * (1.0 - 1e-6) || all >= u32::MAX as f32 {
            let rule = "it must be the sum over all trainers, of 32 bits";
            return Err(Error::out_of_range(OPERATION, "the number of samples that the hook gave", all, rule));
        }
        // The state divides by its own samples.
        let own_part = f64::from(loss) * f64::from(sums.samples) / f64::from(all);
        gpu.write_buffer(&self.batch, 0, words_as_bytes(&[all as u32]))?;
        gpu.write_buffer(trainer.state.loss(), 0, words_as_bytes(&[(own_part as f32).to_bits()]))?;
        match self.halves.gradient() {
            Some(Gradient { sum, .. }) => gpu.write_buffer(sum, 0, bytemuck::cast_slice(gradient)),
            None => Ok(()),
        }
    }
}

impl Halves {
    fn record_gradient(&self, pass: &mut wgpu::ComputePass<'_>) {
        match self {
            Halves::Plain(plain) => plain.record_gradient(pass),
            Halves::Layered(layered) => layered.record_gradient(pass),
        }
    }

    fn record_update(&self, pass: &mut wgpu::ComputePass<'_>) {
        match self {
            Halves::Plain(plain) => plain.record_update(pass),
            Halves::Layered(layered) => layered.record_update(pass),
        }
    }

    fn gradient(&self) -> Option<Gradient<'_>> {
        match self {
            Halves::Plain(plain) => plain.gradient(),
            Halves::Layered(layered) => layered.gradient(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::data::Dataset;
    use crate::mlp::Mlp;
    use crate::network::Network;
    use crate::trainer::TrainConfig;

    #[test]
    fn training_goes_on_after_a_wait_that_took_too_long() {
        let gpu = Gpu::headless().unwrap();
        let mlp = Mlp::inputs(2).linear(256).sigmoid().linear(256).sigmoid().linear(1);
        let network = Network::new(&gpu, &mlp, 1).unwrap();
        let samples = 4_096;
        let data = Dataset::from_slices(&gpu, samples, &vec![0.5; 2 * samples], &vec![0.5; samples]).unwrap();
        let config = TrainConfig { batch_size: samples, plan: Plan::Layered, ..TrainConfig::default() };
        let mut trainer = Trainer::new(&network, &data, config).unwrap();
        let sum = |_: &mut [f32]| Ok::<_, Error>(());
        trainer.train_summed(1, sum).unwrap();
        // No step is done at once.
        trainer.gpu = gpu.clone().with_wait_timeout(Duration::ZERO);
        assert_eq!(trainer.train_summed(1, sum), Err(Error::Timeout { seconds: 0.0 }));
        trainer.gpu = gpu;
        trainer.train_summed(1, sum).unwrap();
        assert_eq!(trainer.read_loss().unwrap().unwrap().step, 2);
    }
}
