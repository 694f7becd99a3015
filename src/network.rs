//! A network's parameters on the GPU, and the passes through it: forward, and backward.

mod function;
mod tiled;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{COMPILING, Gpu};
use crate::kernels::{self, Dispatch, TrainingState, begin_pass, tiles};
use crate::matrix::{Rows, check_finite};
use crate::mlp::{LayerKind, Mlp, Stage};

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
    /// 128 MiB at wgpu's default limits, and so must the states of their training, 48 bytes each.
    pub fn population(gpu: &Gpu, mlp: &Mlp, count: usize, seed: u64) -> Result<Self> {
        let operation = "Network::population";
        mlp.check(operation)?;
        // Each has its parameters, and where its training stands.
        let each = (4 * mlp.parameter_count() as u64).max(TrainingState::BYTES);
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
        // A network without linear layers has no parameters, but a buffer cannot be empty; and shaders of the app read
        // vectors of four.
        let numbers = (mlp.parameter_count() as u64).saturating_mul(count as u64).max(1);
        let bytes = numbers.div_ceil(4).saturating_mul(16);
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
        if parameters.is_empty() {
            return Ok(());
        }
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

    /// Binds a pass through the network, from the rows of `input`, `[samples, inputs]`, to those of `output`,
    /// `[samples, outputs]`. Both may be buffers of the app.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the rows do not fit the network or each other, [`Error::Buffer`] where `output` is in
    /// the buffer of `input` or of the parameters, what [`Rows`] are refused for, [`Error::Count`] for a population,
    /// [`Error::TooLarge`] for activations that the device's limits do not allow, [`Error::OutOfMemory`].
    pub fn forward(&self, input: &Rows, output: &Rows) -> Result<Forward> {
        let operation = "Network::forward";
        self.check_single(operation)?;
        let [read, written] =
            [input.operand(&self.gpu, operation, "input")?, output.operand(&self.gpu, operation, "output")?];
        read.check_fit(operation, &written, read.rows == written.rows, "both must have one row a sample")?;
        input.check_width(operation, "input", "the network's input", self.mlp.input_width())?;
        output.check_width(operation, "output", "the network's output", self.mlp.output_width())?;
        written.check_written_alone(operation, &[&read])?;
        if output.buffer() == &self.parameters {
            return Err(Error::aliased(operation, "the parameters", "output"));
        }

        // What tiles cannot do, the plain kernels can.
        let Some(stages) = tiles::stages(&self.gpu, &self.mlp, read.rows) else {
            return self.plain_forward(input, output);
        };
        match tiled::forward(self, operation, &stages, [input, output]) {
            Ok((activations, dispatches)) => {
                Ok(Forward { network: self.clone(), activations, dispatches, stages: Some(stages) })
            }
            // Tiles want rows of whole fours, which may be what does not fit.
            Err(Error::TooLarge { .. }) => self.plain_forward(input, output),
            Err(error) => Err(error),
        }
    }

    /// The same by the plain kernels, one after the other.
    pub(crate) fn plain_forward(&self, input: &Rows, output: &Rows) -> Result<Forward> {
        let operation = "Network::forward";
        let samples = input.shape().rows;
        let mut activations = vec![input.clone()];
        let mut dispatches = Vec::new();
        for (layer, kind) in self.mlp.layers().iter().enumerate() {
            let x = activations[layer].clone();
            let y = if layer + 1 == self.mlp.layers().len() {
                output.clone()
            } else {
                Rows::create(&self.gpu, operation, "activations", samples, kind.output_width() as u64)?
            };
            match kind {
                LayerKind::Linear { .. } => {
                    let w = self.layer_rows(&self.parameters, layer);
                    dispatches.extend(kernels::matmul(&self.gpu, &x, &w, &y)?);
                }
                LayerKind::Sigmoid { .. } => dispatches.push(kernels::sigmoid(&self.gpu, &x, &y)?),
            }
            activations.push(y);
        }
        Ok(Forward { network: self.clone(), activations, dispatches, stages: None })
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
        let patience = if self.gpu.compiled_kernels() > compiled { COMPILING } else { 1 };
        let gpu = self.gpu.clone().with_patience(patience);
        gpu.read_f32(operation, output.buffer(), &|encoder| forward.record(encoder))
    }

    /// The matrix of a layer's parameters, or of their derivatives, in a buffer laid out like the parameters.
    pub(crate) fn layer_rows(&self, flat: &wgpu::Buffer, layer: usize) -> Rows {
        let start = self.mlp.parameter_ranges()[layer].start as u64;
        let [rows, columns] = self.mlp.layers()[layer].parameter_shape();
        Rows::new(flat, columns).offset(start * 4).rows(rows)
    }

    /// All parameters, or their derivatives, as one row.
    pub(crate) fn row(&self, flat: &wgpu::Buffer) -> Rows {
        Rows::new(flat, self.mlp.parameter_count()).rows(1)
    }
}

/// A pass through a network, bound to its input and output.
#[derive(Clone, Debug)]
pub struct Forward {
    network: Network,
    /// The input, then the output of each layer, or of each stage; the last is the output.
    activations: Vec<Rows>,
    dispatches: Vec<Dispatch>,
    /// The stages of a pass by the tiled kernels.
    stages: Option<Vec<Stage>>,
}

impl Forward {
    /// Records the pass.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        self.record_into(&mut begin_pass(encoder, "wgrad forward"));
    }

    pub(crate) fn record_into(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.record(pass));
    }

    /// Binds the pass backwards through the network: from the rows of `d_output`, the derivative of the error by this
    /// pass's output, to the derivative by every parameter ([`Backward::d_parameters`], a sum over the samples) and,
    /// where `d_input` is given, by this pass's input. Both have the shapes of the output and the input.
    ///
    /// The backward pass belongs to its forward pass, whose activations it reads: record it after that, while this
    /// pass's input and output are unchanged.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the rows do not fit the network or each other, [`Error::Buffer`] where `d_input`
    /// is in a buffer that the pass reads, what [`Rows`] are refused for, [`Error::OutOfMemory`].
    pub fn backward(&self, d_output: &Rows, d_input: Option<&Rows>) -> Result<Backward> {
        let operation = "Forward::backward";
        let (gpu, mlp) = (&self.network.gpu, self.network.mlp());
        self.check_like(operation, "d_output", d_output, self.activations.len() - 1)?;
        if let Some(d_input) = d_input {
            self.check_like(operation, "d_input", d_input, 0)?;
            let read = [("d_output", d_output.buffer()), ("the parameters", &self.network.parameters)];
            let activations = self.activations.iter().map(|rows| ("the forward pass's rows", rows.buffer()));
            for (read, buffer) in read.into_iter().chain(activations) {
                if buffer == d_input.buffer() {
                    return Err(Error::aliased(operation, read, "d_input"));
                }
            }
        }

        let bytes = self.network.parameters.size();
        let d_parameters = gpu.storage_buffer(operation, "derivatives by the parameters", bytes)?;
        let made = |dispatches: Vec<Dispatch>| {
            let d_parameters = d_parameters.clone();
            Backward { gpu: gpu.clone(), parameter_count: mlp.parameter_count(), d_parameters, dispatches }
        };
        if let Some(stages) = &self.stages {
            return Ok(made(tiled::backward(self, operation, stages, d_output, d_input, &d_parameters)?));
        }
        let samples = self.activations[0].shape().rows;
        let mut dispatches = Vec::new();
        let mut d_output = d_output.clone();
        for (layer, kind) in mlp.layers().iter().enumerate().rev() {
            let [x, y] = [&self.activations[layer], &self.activations[layer + 1]];
            if let LayerKind::Linear { .. } = kind {
                let d_weights = self.network.layer_rows(&d_parameters, layer);
                dispatches.extend(kernels::outer_product(gpu, x, &d_output, &d_weights)?);
            }
            let layer_d_input = match (layer, d_input) {
                (0, None) => break,
                (0, Some(d_input)) => d_input.clone(),
                _ => Rows::create(gpu, operation, "derivatives by activations", samples, kind.input_width() as u64)?,
            };
            match kind {
                LayerKind::Linear { .. } => {
                    let w = self.network.layer_rows(&self.network.parameters, layer);
                    dispatches.extend(kernels::matmul_transposed(gpu, &d_output, &w, &layer_d_input)?);
                }
                LayerKind::Sigmoid { .. } => {
                    dispatches.push(kernels::sigmoid_backward(gpu, &d_output, y, &layer_d_input)?);
                }
            }
            d_output = layer_d_input;
        }
        Ok(made(dispatches))
    }

    /// How many dispatches a recording takes.
    pub(crate) fn dispatch_count(&self) -> usize {
        self.dispatches.len()
    }

    /// Refuses rows of another shape than an activation has.
    fn check_like(&self, operation: &'static str, what: &'static str, rows: &Rows, activation: usize) -> Result<()> {
        let gpu = &self.network.gpu;
        let rows = rows.operand(gpu, operation, what)?;
        let name = if activation == 0 { "the forward pass's input" } else { "the forward pass's output" };
        let like = self.activations[activation].operand(gpu, operation, name)?;
        rows.check_fit(operation, &like, rows.shape() == like.shape(), "both must have one shape")
    }
}

/// A pass backwards through a network, bound to the forward pass that it follows.
#[derive(Clone, Debug)]
pub struct Backward {
    gpu: Gpu,
    parameter_count: usize,
    d_parameters: wgpu::Buffer,
    dispatches: Vec<Dispatch>,
}

impl Backward {
    /// Records the pass.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        self.record_into(&mut begin_pass(encoder, "wgrad backward"));
    }

    pub(crate) fn record_into(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.record(pass));
    }

    /// The buffer of the derivatives of the error by the parameters, laid out like [`Network::parameters`]: the sum
    /// over the samples of the last recorded pass.
    pub fn d_parameters(&self) -> &wgpu::Buffer {
        &self.d_parameters
    }

    /// Reads the derivatives by the parameters, waiting for what was submitted before.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Timeout`], [`Error::OutOfMemory`].
    pub fn read_d_parameters(&self) -> Result<Vec<f32>> {
        let mut derivatives = self.gpu.read_f32("Backward::read_d_parameters", &self.d_parameters, &|_| ())?;
        derivatives.truncate(self.parameter_count);
        Ok(derivatives)
    }

    /// How many dispatches a recording takes.
    pub(crate) fn dispatch_count(&self) -> usize {
        self.dispatches.len()
    }
}
