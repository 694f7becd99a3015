//! A network's parameters on the GPU, and the passes through it: forward, and backward.

pub(crate) mod passes;
mod wgsl;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{COMPILE_TIMEOUT_FACTOR, Gpu};
use crate::mlp::Mlp;
use crate::rows::{Rows, check_finite};
pub use passes::{Backward, Forward};

/// A multilayer perceptron whose parameters are on the GPU, or a population of such. Cheap to clone: clones are handles
/// to the same parameters.
#[derive(Clone, Debug)]
pub struct Network {
    gpu: Gpu,
    mlp: Arc<Mlp>,
    population: u32,
    parameters: wgpu::Buffer,
}

impl Network {
    /// A network with new parameters: those of [`Mlp::initial_parameters`] with this seed.
    ///
    /// # Errors
    /// Those of [`Mlp::check`]; [`Error::TooLarge`] where the device's limits are too low, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, mlp: &Mlp, seed: u64) -> Result<Self> {
        let network = Network::without_parameters("Network::new", gpu, mlp, 1)?;
        network.write_parameters(&mlp.initial_parameters(seed)?)?;
        Ok(network)
    }

    /// A population: `count` networks of one kind, to be trained at once on the same data. Network `i` begins with the
    /// parameters that [`Network::new`] gives for `seed + i`.
    ///
    /// [`Trainer`](crate::Trainer) and [`Network::evaluate`] take a population as they take a network;
    /// [`Network::extract`] takes one network out of it, for all else.
    ///
    /// # Errors
    /// [`Error::Count`] for 0 networks, and those of [`Network::new`]: the parameters of all must fit in one binding,
    /// 128 MiB at wgpu's default limits.
    pub fn population(gpu: &Gpu, mlp: &Mlp, count: usize, seed: u64) -> Result<Self> {
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
        let network = Network::without_parameters(operation, gpu, mlp, count)?;
        let mut parameters = Vec::with_capacity(count * mlp.parameter_count());
        for i in 0..count as u64 {
            parameters.extend(mlp.initial_parameters(seed.wrapping_add(i))?);
        }
        network.write_parameters(&parameters)?;
        Ok(network)
    }

    /// Network `index` of a population, from 0, as a network of its own: a copy of its parameters as they are now.
    ///
    /// # Errors
    /// [`Error::Count`] for an `index` past the last network; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn extract(&self, index: usize) -> Result<Network> {
        if index >= self.count() {
            let most = self.count() as u64 - 1;
            let rule = format!("there are {} networks, numbered from 0", self.count());
            return Err(Error::count("Network::extract", "index", index as u64, [0, most], &rule));
        }
        let network = Network::without_parameters("Network::extract", &self.gpu, &self.mlp, 1)?;
        let bytes = 4 * self.mlp.parameter_count() as u64;
        self.gpu.submit("wgrad extract", &mut |encoder| {
            encoder.copy_buffer_to_buffer(&self.parameters, index as u64 * bytes, &network.parameters, 0, bytes);
        })?;
        Ok(network)
    }

    /// How many networks: 1, or as many as the population has.
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
        let network = Network::without_parameters("Network::from_parameters", gpu, mlp, 1)?;
        network.write_parameters(parameters)?;
        Ok(network)
    }

    /// A population with these parameters, network after network.
    #[cfg(feature = "files")]
    pub(crate) fn population_from_parameters(gpu: &Gpu, mlp: &Mlp, count: usize, parameters: &[f32]) -> Result<Self> {
        let network = Network::without_parameters("Network::load", gpu, mlp, count)?;
        network.write_parameters(parameters)?;
        Ok(network)
    }

    fn without_parameters(operation: &'static str, gpu: &Gpu, mlp: &Mlp, count: usize) -> Result<Self> {
        mlp.check(operation)?;
        if count == 0 {
            return Err(Error::zero(operation, "the number of networks"));
        }
        // Shaders of the app read vectors of four.
        let values = (mlp.parameter_count() as u64).saturating_mul(count as u64);
        let bytes = values.div_ceil(4).saturating_mul(16);
        let parameters = gpu.storage_buffer(operation, "parameters", bytes)?;
        // The number fits in 32 bits, since the buffer's bytes do.
        Ok(Network { gpu: gpu.clone(), mlp: Arc::new(mlp.clone()), population: count as u32, parameters })
    }

    /// The device that the network is on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// What the network is.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// The buffer of the parameters, for the app to bind read-only: f32 in the order of [`Mlp::parameter_ranges`], layer
    /// after layer, each a row-major matrix `[inputs, outputs]`, a bias one row more; of a population, network after
    /// network. The buffer's size is the next multiple of 16 bytes, a vector of four. Usages: `STORAGE`, `COPY_SRC`,
    /// `COPY_DST`.
    pub fn parameters(&self) -> &wgpu::Buffer {
        &self.parameters
    }

    /// Replaces all parameters, of a population network after network, before whatever is submitted next.
    ///
    /// # Errors
    /// [`Error::Count`] for another number of parameters, [`Error::NotFinite`] for NaN or infinity among them: the
    /// network's parameters are then unchanged.
    pub fn write_parameters(&self, parameters: &[f32]) -> Result<()> {
        let operation = "Network::write_parameters";
        self.mlp.check_parameter_count(operation, self.count(), parameters)?;
        check_finite(operation, "parameters", parameters)?;
        self.gpu.write_buffer(&self.parameters, 0, bytemuck::cast_slice(parameters))
    }

    /// Reads all parameters, of a population network after network, waiting for what was submitted before.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Timeout`], [`Error::OutOfMemory`].
    pub fn read_parameters(&self) -> Result<Vec<f32>> {
        let mut parameters = self.gpu.read_f32("Network::read_parameters", &self.parameters, &|_| ())?;
        parameters.truncate(self.count() * self.mlp.parameter_count());
        Ok(parameters)
    }

    /// The network's outputs for the samples `x`, one row of inputs after the other; one row of outputs after the
    /// other. Waits. With how many samples one comes may change its last bits: kernels are chosen by that.
    ///
    /// # Errors
    /// [`Error::Count`] unless `x` is whole rows, or for a population; [`Error::NotFinite`] for NaN or infinity in it,
    /// [`Error::TooLarge`] for more rows than the device's limits allow at a time, [`Error::DeviceLost`],
    /// [`Error::Timeout`], [`Error::OutOfMemory`].
    pub fn predict(&self, x: &[f32]) -> Result<Vec<f32>> {
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
            return Ok(Vec::new());
        }
        let input = Rows::create(&self.gpu, operation, "inputs to predict from", samples, inputs as u64)?;
        let output = Rows::create(&self.gpu, operation, "predicted outputs", samples, outputs as u64)?;
        self.gpu.write_buffer(input.buffer(), 0, bytemuck::cast_slice(x))?;
        let compiled = self.gpu.compiled_kernels();
        let forward = self.forward(&input, &output)?;
        // Some drivers compile a kernel only when it first runs.
        let factor = if self.gpu.compiled_kernels() > compiled { COMPILE_TIMEOUT_FACTOR } else { 1 };
        let gpu = self.gpu.clone().with_timeout_factor(factor);
        gpu.read_f32(operation, output.buffer(), &|encoder| forward.record(encoder))
    }

    /// The matrix of a layer's parameters, or of the gradient with respect to them, in a buffer laid out like the
    /// parameters.
    pub(crate) fn layer_rows(&self, flat: &wgpu::Buffer, layer: usize) -> Rows {
        let start = self.mlp.parameter_ranges()[layer].start as u64;
        let [rows, columns] = self.mlp.layers()[layer].parameter_shape();
        Rows::new(flat, columns).offset(start * 4).rows(rows)
    }

    /// All parameters, or the gradient with respect to them, as one row.
    pub(crate) fn row(&self, flat: &wgpu::Buffer) -> Rows {
        Rows::new(flat, self.mlp.parameter_count()).rows(1)
    }
}
