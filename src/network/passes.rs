//! The forward and backward passes of a network, bound to the rows that they read and write.
//!
//! They use the tiled kernels where these support the network, otherwise the plain kernels.

mod plain;
pub(crate) mod tiled;

use super::Network;
use crate::codegen::Layer;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Temporary};
use crate::kernels::{self, Dispatch, GridGradient, Points, begin_pass, tiles};
use crate::rows::Rows;

impl Network {
    /// Binds a forward pass from the rows of `input`, `[samples, inputs]`, to those of `output`, `[samples, outputs]`.
    /// Both may be buffers of the app.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the rows do not fit the network or each other, [`Error::Buffer`] where `output` is in
    /// the buffer of `input` or of the parameters, the errors of invalid [`Rows`], [`Error::Count`] for a population,
    /// [`Error::TooLarge`] for activations that exceed the device's limits, [`Error::OutOfMemory`].
    pub fn forward(&self, input: &Rows, output: &Rows) -> Result<Forward> {
        self.forward_keeping(input, output, true)
    }

    /// [`Network::forward`], which `keeps` what a backward pass needs, or does not.
    pub(crate) fn forward_keeping(&self, input: &Rows, output: &Rows, keeps: bool) -> Result<Forward> {
        let operation = "Network::forward";
        let (gpu, mlp) = (self.gpu(), self.mlp());
        self.check_single(operation)?;
        let [read, written] = [input.operand(gpu, operation, "input")?, output.operand(gpu, operation, "output")?];
        read.check_fit(operation, &written, read.rows == written.rows, "both must have one row per sample")?;
        input.check_width(operation, "input", "the network's input", mlp.input_width())?;
        output.check_width(operation, "output", "the network's output", mlp.output_width())?;
        written.check_written_alone(operation, &[&read])?;
        if output.buffer() == self.parameters() {
            return Err(Error::aliased(operation, "the parameters", "output"));
        }

        if !tiles::takes(gpu, &Layer::of(mlp), read.rows) {
            return self.plain_forward(input, output);
        }
        let encoded = self.encoded(operation, input)?;
        match tiled::forward_to(self, operation, [encoded.rows(input), output], keeps) {
            // Tiles need rows padded to vec4, and the padding may be what does not fit.
            Err(Error::TooLarge { .. }) => self.plain_forward(input, output),
            pass => Ok(Forward::new(self, [input, output], encoded, pass?, Kernels::Tiled)),
        }
    }

    /// [`Network::forward`] with the plain kernels.
    pub(crate) fn plain_forward(&self, input: &Rows, output: &Rows) -> Result<Forward> {
        let operation = "Network::forward";
        let encoded = self.encoded(operation, input)?;
        let pass = plain::forward(self, operation, [encoded.rows(input), output])?;
        Ok(Forward::new(self, [input, output], encoded, pass, Kernels::Plain))
    }

    /// The values of the input's encoding, if there is one.
    fn encoded(&self, operation: &'static str, input: &Rows) -> Result<Encoded> {
        let Some(encoding) = self.mlp().input_encoding() else { return Ok(Encoded(None)) };
        let (rows, width) = (input.shape().rows, self.mlp().encoded_width() as u64);
        let encoded = Rows::create_padded(self.gpu(), operation, "encoded inputs", rows, width)?;
        let dispatch = match self.grid() {
            Some(grid) => grid.encode(self.gpu(), Points { x: input, order: None }, self.parameters(), &encoded)?,
            None => kernels::encode(self.gpu(), encoding, input, &encoded)?,
        };
        Ok(Encoded(Some((encoded, dispatch))))
    }
}

/// The values of an input's encoding and the dispatch that computes them; none without an encoding.
struct Encoded(Option<(Rows, Dispatch)>);

impl Encoded {
    /// What the first layer reads.
    fn rows<'a>(&'a self, input: &'a Rows) -> &'a Rows {
        self.0.as_ref().map_or(input, |(rows, _)| rows)
    }
}

/// The rows of a layer's forward pass.
#[derive(Clone, Debug)]
pub(crate) struct LayerRows {
    /// The layer's output.
    pub y: Rows,
    /// What the backward pass needs besides, where the activation's derivative is not one of the output: by the plain kernels
    /// the pre-activations, by the tiled ones the derivative itself.
    pub kept: Option<Rows>,
}

/// What a pass is made of: each layer's rows, and the dispatches.
type Pass = (Vec<LayerRows>, Vec<Dispatch>);

/// The kernels of a pass.
#[derive(Clone, Copy, Debug)]
enum Kernels {
    Plain,
    Tiled,
}

/// A forward pass of a network, bound to its input and output.
#[derive(Clone, Debug)]
pub struct Forward {
    network: Network,
    input: Rows,
    /// What the first layer reads: the input, or the values of its encoding.
    x: Rows,
    output: Rows,
    layers: Vec<LayerRows>,
    dispatches: Vec<Dispatch>,
    kernels: Kernels,
}

impl Forward {
    fn new(
        network: &Network,
        [input, output]: [&Rows; 2],
        encoded: Encoded,
        (layers, of_layers): Pass,
        kernels: Kernels,
    ) -> Self {
        let (network, input, output) = (network.clone(), input.clone(), output.clone());
        let (x, mut dispatches) = match encoded.0 {
            Some((rows, dispatch)) => (rows, vec![dispatch]),
            None => (input.clone(), Vec::new()),
        };
        dispatches.extend(of_layers);
        Forward { network, input, x, output, layers, dispatches, kernels }
    }

    /// The network.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The buffers of all its rows, of those that it was given too, for a caller to whom all of them belong. Some are there twice.
    pub(crate) fn temporary(&self) -> Vec<Temporary> {
        let mut buffers = Vec::new();
        let mut push = |rows: &Rows| buffers.push(Temporary(rows.buffer().clone()));
        [&self.input, &self.x, &self.output].into_iter().for_each(&mut push);
        for LayerRows { y, kept } in &self.layers {
            push(y);
            kept.iter().for_each(&mut push);
        }
        buffers
    }

    /// Records the pass.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        self.record_into(&mut begin_pass(encoder, "wgrad forward"));
    }

    pub(crate) fn record_into(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.record(pass));
    }

    /// Binds the backward pass. It reads `d_output`, the gradient of the loss with respect to this pass's output, and
    /// writes the gradient with respect to the parameters ([`Backward::d_parameters`], a sum over the samples) and, if
    /// `d_input` is given, with respect to this pass's input. `d_output` and `d_input` have the shapes of the output and
    /// the input.
    ///
    /// The backward pass reads the activations of this forward pass: record it after this pass, while the input and
    /// output are unchanged.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the rows do not fit the network or each other, [`Error::Buffer`] where `d_input`
    /// is in a buffer that the pass reads, the errors of invalid [`Rows`], [`Error::OutOfMemory`].
    pub fn backward(&self, d_output: &Rows, d_input: Option<&Rows>) -> Result<Backward> {
        self.backward_of(d_output, d_input, &|_| true)
    }

    /// [`Forward::backward`] with the gradient of some layers' parameters alone; that of the others is 0.
    pub(crate) fn backward_of(
        &self,
        d_output: &Rows,
        d_input: Option<&Rows>,
        trains: &dyn Fn(usize) -> bool,
    ) -> Result<Backward> {
        let operation = "Forward::backward";
        let network = &self.network;
        self.check_same_shape(operation, ("d_output", d_output), ("the forward pass's output", &self.output))?;
        if let Some(d_input) = d_input {
            self.check_same_shape(operation, ("d_input", d_input), ("the forward pass's input", &self.input))?;
            let read = [("d_output", d_output.buffer()), ("the parameters", network.parameters())];
            let own = [&self.input, &self.output].map(|rows| ("the forward pass's rows", rows.buffer()));
            for (read, buffer) in read.into_iter().chain(own) {
                if buffer == d_input.buffer() {
                    return Err(Error::aliased(operation, read, "d_input"));
                }
            }
        }
        let bytes = network.parameters().size();
        let d_parameters = network.gpu().storage_buffer(operation, "gradient with respect to the parameters", bytes)?;
        let backward = match self.kernels {
            Kernels::Plain => plain::backward,
            Kernels::Tiled => tiled::backward_of_forward,
        };
        let forward = (&self.x, self.layers.as_slice());
        // A grid's features are trained even if nobody asks for the gradient with respect to the input.
        let encoding = network.mlp().input_encoding().filter(|_| d_input.is_some() || network.grid().is_some());
        let d_encoded = encoding.map(|_| {
            let (rows, width) = (self.x.shape().rows, self.x.shape().columns);
            Rows::create_padded(network.gpu(), operation, "gradient with respect to encoded inputs", rows, width)
        });
        let d_encoded = d_encoded.transpose()?;
        let d_x = d_encoded.as_ref().or(d_input);
        let mut dispatches = backward(network, operation, forward, (d_output, d_x), (&d_parameters, trains))?;
        let mut grid_gradient = None;
        if let (Some(encoding), Some(d_encoded)) = (encoding, &d_encoded) {
            let gpu = network.gpu();
            if let Some(grid) = network.grid() {
                let points = Points { x: &self.input, order: None };
                let gradient = grid.gradient(gpu, points, d_encoded, &d_parameters)?;
                dispatches.extend(gradient.dispatches.iter().cloned());
                grid_gradient = Some(gradient);
            }
            if let Some(d_input) = d_input {
                dispatches.push(match network.grid() {
                    Some(grid) => grid.encode_backward(gpu, &self.input, network.parameters(), [d_encoded, d_input])?,
                    None => kernels::encode_backward(gpu, encoding, &self.input, d_encoded, d_input)?,
                });
            }
        }
        let (gpu, parameter_count) = (network.gpu().clone(), network.mlp().parameter_count());
        Ok(Backward { gpu, parameter_count, d_parameters, grid_gradient, dispatches })
    }

    /// The number of dispatches per recording.
    pub(crate) fn dispatch_count(&self) -> usize {
        self.dispatches.len()
    }

    /// Refuses rows of another shape than the forward pass's.
    fn check_same_shape(
        &self,
        operation: &'static str,
        (what, rows): (&'static str, &Rows),
        (name, expected): (&'static str, &Rows),
    ) -> Result<()> {
        let gpu = self.network.gpu();
        let rows = rows.operand(gpu, operation, what)?;
        let expected = expected.operand(gpu, operation, name)?;
        rows.check_fit(operation, &expected, rows.shape() == expected.shape(), "both must have the same shape")
    }
}

/// A backward pass of a network, bound to the forward pass that it follows.
#[derive(Clone, Debug)]
pub struct Backward {
    gpu: Gpu,
    parameter_count: usize,
    d_parameters: wgpu::Buffer,
    /// How the gradient with respect to a hash grid's features is summed, if there is one.
    grid_gradient: Option<GridGradient>,
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

    /// The buffer of the gradient of the loss with respect to the parameters, in the layout of [`Network::parameters`]:
    /// the sum over the samples of the last pass that ran.
    pub fn d_parameters(&self) -> &wgpu::Buffer {
        &self.d_parameters
    }

    /// How the gradient with respect to a hash grid's features is summed, if there is one.
    pub(crate) fn grid_gradient(&self) -> Option<&GridGradient> {
        self.grid_gradient.as_ref()
    }

    /// Reads the gradient with respect to the parameters, after everything submitted before. Waits.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Timeout`], [`Error::OutOfMemory`].
    #[cfg(not(target_family = "wasm"))]
    pub fn read_d_parameters(&self) -> Result<Vec<f32>> {
        pollster::block_on(self.read_d_parameters_async())
    }

    /// [`Backward::read_d_parameters`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_d_parameters_async(&self) -> Result<Vec<f32>> {
        let reading = self.gpu.read("Backward::read_d_parameters", &self.d_parameters, &|_| ())?;
        let mut gradient = reading.values().await?;
        gradient.truncate(self.parameter_count);
        Ok(gradient)
    }

    /// The number of dispatches per recording.
    pub(crate) fn dispatch_count(&self) -> usize {
        self.dispatches.len()
    }
}
