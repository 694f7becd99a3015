//! What shaders are written for: a network's layers, a batch, and how its samples lie.

use super::descent::Descent;
use super::head::Head;
use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::loss::Loss;
use crate::mlp::Mlp;

/// No invocation runs a loop longer than this in one dispatch: Mesa 22.3 silently stops a shader's loops after 65,535
/// iterations, and operating systems end long dispatches. A longer sum is several dispatches.
pub(crate) const LONGEST_LOOP: u32 = 32_768;

/// The longest loop over the terms of a sum; the rest is for the loops around and after it.
pub(crate) const LONGEST_SUM: u32 = LONGEST_LOOP - 1024;

/// The longest walk of `permutation`, in loop iterations; a test holds it to the reference and to the shader.
pub(crate) const LONGEST_WALK: u64 = 64;

/// Whether steps train, or only measure the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Train,
    Evaluate,
    /// Evaluates, and counts which classes are taken for which.
    Classify,
}

/// A dense layer in 32-bit sizes, and where its parameters lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub inputs: u32,
    pub outputs: u32,
    pub bias: bool,
    pub activation: Activation,
    /// The index of its first weight among the network's parameters; the bias follows the weights.
    pub offset: u32,
}

impl Layer {
    /// The layers of a network, which must have been checked: its sizes fit in 32 bits.
    #[inline(never)]
    pub fn of(mlp: &Mlp) -> Vec<Self> {
        let layers = mlp.layers().iter().zip(mlp.parameter_ranges());
        let layer = |(dense, range): (&crate::mlp::Dense, std::ops::Range<usize>)| Layer {
            inputs: dense.inputs as u32,
            outputs: dense.outputs as u32,
            bias: dense.bias,
            activation: dense.activation,
            offset: range.start as u32,
        };
        layers.map(layer).collect()
    }

    /// The index of an input's weights among the network's parameters; of the bias, if `input == inputs`.
    pub fn row(&self, input: u32) -> u32 {
        self.offset + input * self.outputs
    }

    /// The rows of its parameters: the inputs, and the bias as one more.
    pub fn rows(&self) -> u32 {
        self.inputs + u32::from(self.bias)
    }
}

/// What a persistent kernel is written for.
#[derive(Clone, Debug)]
pub(crate) struct PersistentSpec {
    /// The network in words.
    pub network: String,
    /// The values of a sample's input.
    pub inputs: u32,
    /// What the first layer's inputs are made of these by, if they are not these.
    pub encoding: Option<Encoding>,
    /// Without the activation of the last, which belongs to the head.
    pub layers: Vec<Layer>,
    pub head: Head,
    pub descent: Descent,
    /// The layers whose parameters stay as they are.
    pub frozen: Vec<usize>,
    /// The parameters of one network.
    pub parameters: u32,
    pub batch_size: u32,
    pub shuffle: bool,
    pub work: Work,
    /// The values per load, of the inputs and of the targets: 1, 2 or 4.
    pub load_widths: [u32; 2],
}

impl PersistentSpec {
    /// Training by plain descent, or measuring. The network must have been checked, its sizes fit in 32 bits; and the loss for
    /// it.
    pub fn new(mlp: &Mlp, loss: Loss, batch_size: u32, shuffle: bool, work: Work) -> Self {
        PersistentSpec {
            network: mlp.to_string(),
            inputs: mlp.input_width() as u32,
            encoding: mlp.input_encoding(),
            layers: Layer::of(&mlp.without_last_activation()),
            head: Head::of(mlp, loss),
            descent: Descent::default(),
            frozen: Vec::new(),
            parameters: mlp.parameter_count() as u32,
            batch_size,
            shuffle,
            work,
            load_widths: [1, 1],
        }
    }

    /// The values of a sample that the first layer takes.
    pub fn encoded_inputs(&self) -> u32 {
        self.layers[0].inputs
    }

    /// The number of the last layer.
    pub fn last(&self) -> usize {
        self.layers.len() - 1
    }

    /// The values of a sample's output.
    pub fn outputs(&self) -> u32 {
        self.layers[self.last()].outputs
    }

    pub fn trains(&self) -> bool {
        self.work == Work::Train
    }

    /// Whether the parameters of layer `l` are trained.
    #[inline(never)]
    pub fn trains_layer(&self, l: usize) -> bool {
        self.trains() && !self.frozen.contains(&l)
    }

    /// Whether steps are `w -= learning_rate · g`, with the rate in the gradient with respect to the last pre-activations: that
    /// is a product less for each weight.
    #[inline(never)]
    pub fn folds_rate(&self) -> bool {
        self.descent.is_plain()
    }

    /// The names of what is kept of each parameter from step to step.
    pub fn kept(&self) -> Vec<&'static str> {
        if self.trains() { self.descent.kept() } else { Vec::new() }
    }

    /// The WGSL expression for the sample at a position of the epoch's order.
    pub fn sample(&self, position: &str) -> String {
        if self.shuffle { format!("permutation({position}, samples, seed, batch.epoch)") } else { position.to_owned() }
    }
}
