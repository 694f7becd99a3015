//! What a network is: its layers and their sizes, without a GPU and without numbers.
//!
//! ```
//! use wgrad::Mlp;
//! let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
//! assert_eq!(mlp.to_string(), "2 → linear 30 → sigmoid → linear 2 → sigmoid");
//! assert_eq!(mlp.parameter_count(), 2 * 30 + 30 * 2);
//! ```

use std::fmt;
use std::ops::Range;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{Error, Result};

/// One layer of an [`Mlp`]: what it computes, and its widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerKind {
    /// `y = x · w`, or `y = x · w + b` with a bias.
    Linear {
        /// The width of `x`.
        inputs: usize,
        /// The width of `y`.
        outputs: usize,
        /// Whether a bias is added: then the parameters have one row more, the last.
        bias: bool,
    },
    /// `y = 1 / (1 + e^-x)`, number by number.
    Sigmoid {
        /// The width of `x` and of `y`.
        width: usize,
    },
}

impl LayerKind {
    /// The width of the layer's input.
    pub fn input_width(&self) -> usize {
        match *self {
            LayerKind::Linear { inputs, .. } => inputs,
            LayerKind::Sigmoid { width } => width,
        }
    }

    /// The width of the layer's output.
    pub fn output_width(&self) -> usize {
        match *self {
            LayerKind::Linear { outputs, .. } => outputs,
            LayerKind::Sigmoid { width } => width,
        }
    }

    /// The shape of the layer's parameters as a row-major matrix `[inputs, outputs]`, a bias being one row more, the
    /// last; `[0, 0]` for a layer without parameters.
    pub fn parameter_shape(&self) -> [usize; 2] {
        match *self {
            LayerKind::Linear { inputs, outputs, bias } => [inputs.saturating_add(usize::from(bias)), outputs],
            LayerKind::Sigmoid { .. } => [0, 0],
        }
    }

    fn parameter_count(&self) -> usize {
        let [rows, columns] = self.parameter_shape();
        rows.saturating_mul(columns)
    }
}

/// A linear layer and the sigmoid layers after it: what texts that Rust writes are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// The linear layer's number.
    pub layer: usize,
    pub inputs: u32,
    pub outputs: u32,
    pub bias: bool,
    /// How many sigmoid layers follow it.
    pub sigmoids: u32,
    /// The place of its weights among the network's parameters; the bias follows them.
    pub offset: u32,
}

impl Stage {
    /// The place of an input's weights among the network's parameters; `input == inputs` is the bias.
    pub fn row(&self, input: u32) -> u32 {
        self.offset + input * self.outputs
    }

    /// The inputs, and the bias as one more.
    pub fn rows(&self) -> u32 {
        self.inputs + u32::from(self.bias)
    }
}

/// A multilayer perceptron: the width of its input and its layers in order.
///
/// Building one cannot fail; what takes it ([`Network::new`](crate::Network::new), [`Mlp::initial_parameters`]) checks
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    inputs: usize,
    layers: Vec<LayerKind>,
    misplaced_bias: Option<usize>,
}

impl Mlp {
    /// A network that takes `inputs` numbers a sample and has no layers yet.
    pub fn inputs(inputs: usize) -> Self {
        Mlp { inputs, layers: Vec::new(), misplaced_bias: None }
    }

    /// The notebook's kind of network: for each width after the first a linear layer without bias, and a sigmoid.
    /// `Mlp::widths(&[2, 30, 2])` is `Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid()`.
    pub fn widths(widths: &[usize]) -> Self {
        let (inputs, outputs) = widths.split_first().map_or((0, widths), |(&inputs, outputs)| (inputs, outputs));
        outputs.iter().fold(Mlp::inputs(inputs), |mlp, &outputs| mlp.linear(outputs).sigmoid())
    }

    /// Adds a linear layer with this many outputs, without bias.
    pub fn linear(mut self, outputs: usize) -> Self {
        self.layers.push(LayerKind::Linear { inputs: self.output_width(), outputs, bias: false });
        self
    }

    /// Gives the linear layer just added a bias.
    pub fn bias(mut self) -> Self {
        match self.layers.last_mut() {
            Some(LayerKind::Linear { bias, .. }) => *bias = true,
            _ => self.misplaced_bias = self.misplaced_bias.or(Some(self.layers.len())),
        }
        self
    }

    /// Adds a sigmoid layer.
    pub fn sigmoid(mut self) -> Self {
        self.layers.push(LayerKind::Sigmoid { width: self.output_width() });
        self
    }

    /// The numbers a sample that the network takes.
    pub fn input_width(&self) -> usize {
        self.inputs
    }

    /// The numbers a sample that the network gives.
    pub fn output_width(&self) -> usize {
        self.layers.last().map_or(self.inputs, LayerKind::output_width)
    }

    /// The layers in order.
    pub fn layers(&self) -> &[LayerKind] {
        &self.layers
    }

    /// How many parameters (weights and biases) all layers have together; `usize::MAX` if that overflows.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().fold(0, |count, layer| count.saturating_add(layer.parameter_count()))
    }

    /// Where each layer's parameters stand in the flat parameters: layer after layer, each a row-major matrix of its
    /// [`LayerKind::parameter_shape`]; an empty range for a layer without parameters.
    pub fn parameter_ranges(&self) -> Vec<Range<usize>> {
        let mut end = 0usize;
        self.layers
            .iter()
            .map(|layer| {
                let start = end;
                end = end.saturating_add(layer.parameter_count());
                start..end
            })
            .collect()
    }

    /// The sigmoid layers before the first linear one, and the stages. The network must have been checked: its sizes fit in
    /// 32 bits.
    pub(crate) fn stages(&self) -> (u32, Vec<Stage>) {
        let (mut leading_sigmoids, mut stages) = (0, Vec::<Stage>::new());
        for (layer, (kind, range)) in self.layers.iter().zip(self.parameter_ranges()).enumerate() {
            match (*kind, stages.last_mut()) {
                (LayerKind::Linear { inputs, outputs, bias }, _) => stages.push(Stage {
                    layer,
                    inputs: inputs as u32,
                    outputs: outputs as u32,
                    bias,
                    sigmoids: 0,
                    offset: range.start as u32,
                }),
                (LayerKind::Sigmoid { .. }, Some(stage)) => stage.sigmoids += 1,
                (LayerKind::Sigmoid { .. }, None) => leading_sigmoids += 1,
            }
        }
        (leading_sigmoids, stages)
    }

    /// Refuses what is not a network, for `operation`'s sake.
    ///
    /// # Errors
    /// [`Error::Count`] for a width of 0 or no layers, [`Error::Misplaced`] for a bias without its linear layer,
    /// [`Error::TooLarge`] for more parameters than 32 bits can count the bytes of.
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.inputs == 0 {
            return Err(Error::zero(operation, "the width of the input"));
        }
        if self.layers.is_empty() {
            let rule = "add one, for example .linear(30)";
            return Err(Error::count(operation, "the number of layers", 0, [1, u64::MAX], rule));
        }
        if let Some(after) = self.misplaced_bias {
            let rule = "which is not linear; write .linear(outputs).bias()";
            return Err(Error::Misplaced { operation, what: ".bias()", after, rule });
        }
        if self.layers.iter().any(|layer| layer.output_width() == 0) {
            return Err(Error::zero(operation, "the width of a layer"));
        }
        let needed = (self.parameter_count() as u64).saturating_mul(4);
        if needed > u64::from(u32::MAX) {
            return Err(Error::TooLarge {
                operation,
                what: "the network's parameters",
                needed,
                limit: "the 32-bit address space of a shader",
                allowed: u64::from(u32::MAX),
                way_out: "use narrower layers",
            });
        }
        Ok(())
    }

    /// Refuses another number of parameters than `networks` such networks have.
    pub(crate) fn check_parameter_count(
        &self,
        operation: &'static str,
        networks: usize,
        parameters: &[f32],
    ) -> Result<()> {
        let expected = self.parameter_count().saturating_mul(networks);
        if parameters.len() == expected {
            return Ok(());
        }
        let rule = "the sum of the layers' weights and biases";
        Err(Error::length(operation, "parameters", [parameters.len(), expected], rule))
    }

    /// The parameters that a new network starts from: each weight drawn from N(0, inputs^-0.5), as in the notebook,
    /// each bias 0. Drawn in f64 from Xoshiro256++, in the order of [`Mlp::parameter_ranges`], and rounded to f32: a
    /// seed means the same numbers on every machine.
    ///
    /// # Errors
    /// Those of [`Mlp::check`].
    pub fn initial_parameters(&self, seed: u64) -> Result<Vec<f32>> {
        self.check("Mlp::initial_parameters")?;
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut parameters = Vec::with_capacity(self.parameter_count());
        for layer in &self.layers {
            if let LayerKind::Linear { inputs, outputs, bias } = *layer {
                let deviation = (inputs as f64).sqrt().recip();
                parameters.extend((0..inputs * outputs).map(|_| {
                    let normal: f64 = StandardNormal.sample(&mut generator);
                    (normal * deviation) as f32
                }));
                parameters.extend(std::iter::repeat_n(0.0, if bias { outputs } else { 0 }));
            }
        }
        Ok(parameters)
    }
}

impl fmt::Display for Mlp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.inputs)?;
        for layer in &self.layers {
            match layer {
                LayerKind::Linear { outputs, bias: false, .. } => write!(formatter, " → linear {outputs}")?,
                LayerKind::Linear { outputs, bias: true, .. } => write!(formatter, " → linear {outputs} with bias")?,
                LayerKind::Sigmoid { .. } => write!(formatter, " → sigmoid")?,
            }
        }
        Ok(())
    }
}
