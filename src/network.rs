//! A network's parameters on the GPU, and its forward and backward passes.

pub(crate) mod passes;
mod wgsl;

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{COMPILE_TIMEOUT_FACTOR, Gpu, Reading, Temporary};
use crate::init::Init;
use crate::kernels::Grid;
use crate::mlp::Mlp;
use crate::rows::{Rows, check_finite};
pub use passes::{Backward, Forward};

/// A multilayer perceptron with its parameters on the GPU, or a population of such networks. Cheap to clone: clones are
/// handles to the same parameters.
#[derive(Clone, Debug)]
pub struct Network {
    gpu: Gpu,
    mlp: Arc<Mlp>,
    population: u32,
    parameters: wgpu::Buffer,
    /// The hash grid that encodes the inputs, if one does.
    grid: Option<Grid>,
}

impl Network {
    /// A network with new parameters: those of [`Mlp::initial_parameters`] with this seed.
    ///
    /// # Errors
    /// Those of [`Mlp::check`]; [`Error::TooLarge`] where the device's limits are too low, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, mlp: &Mlp, seed: u64) -> Result<Self> {
        let network = Network::uninitialized("Network::new", gpu, mlp, 1)?;
        network.write_parameters(&mlp.initial_parameters(seed)?)?;
        Ok(network)
    }

    /// A network with new parameters by another initialisation: those of [`Mlp::initial_parameters_by`].
    ///
    /// # Errors
    /// Those of [`Network::new`].
    pub fn new_by(gpu: &Gpu, mlp: &Mlp, init: Init, seed: u64) -> Result<Self> {
        Network::population_by(gpu, mlp, 1, init, seed)
    }

    /// A population: `count` networks of the same shape, trained together on the same data. Network `i` starts with the
    /// parameters of [`Network::new`] for `seed + i`.
    ///
    /// [`Trainer`](crate::Trainer) and [`Network::evaluate`] accept a population; for everything else,
    /// [`Network::extract`] copies one network out of it.
    ///
    /// # Errors
    /// [`Error::Count`] for 0 networks, and those of [`Network::new`]: the parameters of all must fit in one binding,
    /// 128 MiB at wgpu's default limits.
    pub fn population(gpu: &Gpu, mlp: &Mlp, count: usize, seed: u64) -> Result<Self> {
        Network::population_by(gpu, mlp, count, Init::default(), seed)
    }

    /// A part of a population of [`Network::population`], the networks `part`: each with the same parameters as there. To train them
    /// as they are trained there, on another device or machine: [`TrainConfig::part_of`](crate::TrainConfig::part_of).
    ///
    /// # Errors
    /// Those of [`Network::population`].
    pub fn population_part(gpu: &Gpu, mlp: &Mlp, part: Range<usize>, seed: u64) -> Result<Self> {
        Network::population(gpu, mlp, part.len(), seed.wrapping_add(part.start as u64))
    }

    /// A population by another initialisation: network `i` starts with the parameters of [`Network::new_by`] for `seed + i`.
    ///
    /// # Errors
    /// Those of [`Network::population`].
    pub fn population_by(gpu: &Gpu, mlp: &Mlp, count: usize, init: Init, seed: u64) -> Result<Self> {
        let operation = "Network::population";
        mlp.check(operation)?;
        let each = 4 * mlp.parameter_count() as u64;
        let allowed = gpu.limits().max_storage_buffer_binding_size;
        if each.saturating_mul(count as u64) > allowed {
            return Err(Error::TooLarge {
                operation,
                what: "the population",
                needed: each.saturating_mul(count as u64),
                limit: "max_storage_buffer_binding_size",
                allowed,
                way_out: "use fewer networks, or request a device with a higher limit",
            });
        }
        let network = Network::uninitialized(operation, gpu, mlp, count)?;
        let mut parameters = Vec::with_capacity(count * mlp.parameter_count());
        for i in 0..count as u64 {
            parameters.extend(mlp.initial_parameters_by(init, seed.wrapping_add(i))?);
        }
        network.write_parameters(&parameters)?;
        Ok(network)
    }

    /// Network `index` (from 0) of a population as a separate network, with a copy of its current parameters.
    ///
    /// # Errors
    /// [`Error::Count`] for an `index` past the last network; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn extract(&self, index: usize) -> Result<Network> {
        if index >= self.count() {
            let most = self.count() as u64 - 1;
            let rule = format!("there are {} networks, numbered from 0", self.count());
            return Err(Error::count("Network::extract", "index", index as u64, [0, most], &rule));
        }
        let network = Network::uninitialized("Network::extract", &self.gpu, &self.mlp, 1)?;
        let bytes = 4 * self.mlp.parameter_count() as u64;
        self.gpu.submit("wgrad extract", &mut |encoder| {
            encoder.copy_buffer_to_buffer(&self.parameters, index as u64 * bytes, &network.parameters, 0, bytes);
        })?;
        Ok(network)
    }

    /// A network, or population, of the same shape, whose parameters are 0.
    pub(crate) fn twin(&self, operation: &'static str) -> Result<Network> {
        Network::uninitialized(operation, &self.gpu, &self.mlp, self.count())
    }

    /// The number of networks: 1, or the size of the population.
    pub fn count(&self) -> usize {
        self.population as usize
    }

    /// Refuses a population.
    pub(crate) fn check_single(&self, operation: &'static str) -> Result<()> {
        match self.count() {
            1 => Ok(()),
            count => {
                let rule = "this is a population; take one network out by extract(index)";
                Err(Error::count(operation, "the number of networks", count as u64, [1, 1], rule))
            }
        }
    }

    /// A network with these parameters, in the order of [`Mlp::parameter_ranges`].
    ///
    /// # Errors
    /// Those of [`Network::new`] and of [`Network::write_parameters`].
    pub fn from_parameters(gpu: &Gpu, mlp: &Mlp, parameters: &[f32]) -> Result<Self> {
        let network = Network::uninitialized("Network::from_parameters", gpu, mlp, 1)?;
        network.write_parameters(parameters)?;
        Ok(network)
    }

    /// A population with these parameters, one network after the other.
    #[cfg(feature = "files")]
    pub(crate) fn population_from_parameters(gpu: &Gpu, mlp: &Mlp, count: usize, parameters: &[f32]) -> Result<Self> {
        let network = Network::uninitialized("Network::load", gpu, mlp, count)?;
        // Networks of a population may have diverged.
        network.gpu.write_buffer(&network.parameters, 0, bytemuck::cast_slice(parameters))?;
        Ok(network)
    }

    fn uninitialized(operation: &'static str, gpu: &Gpu, mlp: &Mlp, count: usize) -> Result<Self> {
        mlp.check(operation)?;
        if count == 0 {
            return Err(Error::zero(operation, "the number of networks"));
        }
        // The app's shaders may read the parameters as `vec4`.
        let values = (mlp.parameter_count() as u64).saturating_mul(count as u64);
        let bytes = values.div_ceil(4).saturating_mul(16);
        let parameters = gpu.storage_buffer(operation, "parameters", bytes)?;
        // The count fits in 32 bits, since the buffer's bytes do.
        let grid = mlp.grid().map(|grid| Grid::new(gpu, operation, grid, mlp.input_width())).transpose()?;
        Ok(Network { gpu: gpu.clone(), mlp: Arc::new(mlp.clone()), population: count as u32, parameters, grid })
    }

    /// The hash grid that encodes the inputs, if one does.
    pub(crate) fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    /// The device that the network is on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The network's layers and their sizes.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// The buffer of the parameters, for the app to bind: f32, first the features of a hash grid, if there is
    /// one, then in the order of [`Mlp::parameter_ranges`] layer after layer, each a row-major matrix `[inputs, outputs]`, with a bias `[inputs + 1, outputs]`; for a population,
    /// network after network. The buffer's size is a multiple of 16 bytes, a `vec4`. Usages: `STORAGE`, `COPY_SRC`,
    /// `COPY_DST`.
    ///
    /// An app's shader may write it too, as an optimizer of its own does: in a pass that is recorded after what read the
    /// parameters ([`Forward`], [`Backward`], [`Trainer::record_steps`](crate::Trainer::record_steps)) and before what reads them
    /// next. wgpu orders the passes of an encoder and the submissions of a queue, so nothing else is needed; only, encoders that
    /// were recorded by different threads must be submitted in that order. [`Network::write_parameters`] takes effect before the
    /// next submission, not where it stands among its passes.
    pub fn parameters(&self) -> &wgpu::Buffer {
        &self.parameters
    }

    /// Replaces all parameters, for a population network after network, before the next submission.
    ///
    /// # Errors
    /// [`Error::Count`] for a wrong number of parameters, [`Error::NotFinite`] for NaN or infinity among them: the
    /// network's parameters are then unchanged.
    pub fn write_parameters(&self, parameters: &[f32]) -> Result<()> {
        let operation = "Network::write_parameters";
        self.mlp.check_parameter_count(operation, self.count(), parameters)?;
        check_finite(operation, "parameters", parameters)?;
        self.gpu.write_buffer(&self.parameters, 0, bytemuck::cast_slice(parameters))
    }

    /// Reads all parameters, for a population network after network, after everything submitted before. Waits.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Timeout`], [`Error::OutOfMemory`].
    #[cfg(not(target_family = "wasm"))]
    pub fn read_parameters(&self) -> Result<Vec<f32>> {
        pollster::block_on(self.read_parameters_async())
    }

    /// [`Network::read_parameters`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_parameters_async(&self) -> Result<Vec<f32>> {
        let reading = self.gpu.read("Network::read_parameters", &self.parameters, &|_| ())?;
        let mut parameters = reading.values().await?;
        parameters.truncate(self.count() * self.mlp.parameter_count());
        Ok(parameters)
    }

    /// The network's outputs for the samples `x`: row-major `[samples, inputs]` in, `[samples, outputs]` out. Waits. The
    /// number of samples may change the last bits of a sample's outputs: kernels are chosen by it.
    ///
    /// # Errors
    /// [`Error::Count`] for a population, or if `x` is not whole rows; [`Error::NotFinite`] for NaN or infinity in it,
    /// [`Error::TooLarge`] for more samples per call than the device's limits allow, [`Error::DeviceLost`],
    /// [`Error::Timeout`], [`Error::OutOfMemory`].
    #[cfg(not(target_family = "wasm"))]
    pub fn predict(&self, x: &[f32]) -> Result<Vec<f32>> {
        pollster::block_on(self.predict_async(x))
    }

    /// [`Network::predict`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn predict_async(&self, x: &[f32]) -> Result<Vec<f32>> {
        match self.begin_prediction(x)? {
            Some((outputs, _buffers)) => outputs.values().await,
            None => Ok(Vec::new()),
        }
    }

    /// Submits a prediction; none of no samples. It needs its buffers until it is read.
    fn begin_prediction(&self, x: &[f32]) -> Result<Option<(Reading, Vec<Temporary>)>> {
        let operation = "Network::predict";
        self.check_single(operation)?;
        let (inputs, outputs) = (self.mlp.input_width(), self.mlp.output_width());
        if !x.len().is_multiple_of(inputs) {
            let rule = format!("or another multiple of {inputs}, the network's inputs");
            return Err(Error::length(operation, "x", [x.len(), x.len().next_multiple_of(inputs)], &rule));
        }
        check_finite(operation, "x", x)?;
        let samples = (x.len() / inputs) as u64;
        if samples == 0 {
            return Ok(None);
        }
        let input = Rows::create(&self.gpu, operation, "inputs to predict from", samples, inputs as u64)?;
        let output = Rows::create(&self.gpu, operation, "predicted outputs", samples, outputs as u64)?;
        self.gpu.write_buffer(input.buffer(), 0, bytemuck::cast_slice(x))?;
        let compiled = self.gpu.compiled_kernels();
        let forward = self.forward_keeping(&input, &output, false)?;
        let buffers = forward.temporary();
        // Some drivers compile a kernel only on its first run.
        let factor = if self.gpu.compiled_kernels() > compiled { COMPILE_TIMEOUT_FACTOR } else { 1 };
        let gpu = self.gpu.clone().with_timeout_factor(factor);
        let reading = gpu.read(operation, output.buffer(), &|encoder| forward.record(encoder))?;
        Ok(Some((reading, buffers)))
    }

    /// The same network, with the same parameters, whose outputs are the last layer's pre-activations.
    pub(crate) fn without_last_activation(&self) -> Self {
        Network { mlp: Arc::new(self.mlp.without_last_activation()), ..self.clone() }
    }

    /// The matrix of a layer's parameters, or of their gradient, in a buffer with the layout of the parameters.
    pub(crate) fn layer_rows(&self, flat: &wgpu::Buffer, layer: usize) -> Rows {
        let start = self.mlp.parameter_ranges()[layer].start as u64;
        let [rows, columns] = self.mlp.layers()[layer].parameter_shape();
        Rows::new(flat, columns).offset(start * 4).rows(rows)
    }

    /// All parameters, or their gradient, as one row.
    pub(crate) fn row(&self, flat: &wgpu::Buffer) -> Rows {
        Rows::new(flat, self.mlp.parameter_count()).rows(1)
    }
}
