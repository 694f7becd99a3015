//! A network's description: its layers and their sizes, without parameter values and without a GPU.
//!
//! ```
//! use wgrad::Mlp;
//! let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
//! assert_eq!(mlp.to_string(), "2 → linear 30 → sigmoid → linear 2 → sigmoid");
//! assert_eq!(mlp.parameter_count(), 2 * 30 + 30 * 2);
//! ```

use std::fmt;
use std::ops::Range;

use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::error::{Error, Result};
use crate::hash_grid::HashGrid;
use crate::init::Init;

/// A dense layer: a linear map, then an [`Activation`] of each of its results.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dense {
    /// The width of the layer's input `x`.
    pub inputs: usize,
    /// The width of its pre-activations `z` and of its output `y`.
    pub outputs: usize,
    /// Whether `z = x · w + b` instead of `z = x · w`. The bias is one more row of the parameters, the last.
    pub bias: bool,
    /// The activation that gives `y` from `z`.
    pub activation: Activation,
}

impl Dense {
    /// The shape of the layer's parameters, a row-major matrix: `[inputs, outputs]`, or with a bias, the last row,
    /// `[inputs + 1, outputs]`.
    pub fn parameter_shape(&self) -> [usize; 2] {
        [self.inputs.saturating_add(usize::from(self.bias)), self.outputs]
    }

    #[inline(never)]
    fn parameter_count(&self) -> usize {
        let [rows, columns] = self.parameter_shape();
        rows.saturating_mul(columns)
    }
}

/// A multilayer perceptron: the width of its input, an encoding of it or none, and its dense layers in order.
///
/// Building one cannot fail; the functions that take it ([`Network::new`](crate::Network::new),
/// [`Mlp::initial_parameters`]) check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    inputs: usize,
    encoding: Option<Encoding>,
    layers: Vec<Dense>,
    /// The first encoding, bias or activation that no layer could take, as it is written, the rule that it breaks, and the
    /// number of layers before it.
    misplaced: Option<(String, &'static str, usize)>,
}

impl Mlp {
    /// A network of `inputs` values per sample, without layers yet.
    pub fn inputs(inputs: usize) -> Self {
        Mlp { inputs, encoding: None, layers: Vec::new(), misplaced: None }
    }

    /// The notebook's network: per width after the first, a linear layer without bias and a sigmoid.
    /// `Mlp::widths(&[2, 30, 2])` is `Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid()`.
    pub fn widths(widths: &[usize]) -> Self {
        let (inputs, outputs) = widths.split_first().map_or((0, widths), |(&inputs, outputs)| (inputs, outputs));
        outputs.iter().fold(Mlp::inputs(inputs), |mlp, &outputs| mlp.linear(outputs).sigmoid())
    }

    /// Encodes the input before the first layer, which must not be there yet; once.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        if self.encoding.is_none() && self.layers.is_empty() {
            self.encoding = Some(encoding);
        } else {
            let rule = "where no input is left to encode; write one encoding, before the first layer";
            self.misplace(format!(".{encoding}"), rule);
        }
        self
    }

    /// Adds a linear layer with this many outputs, without bias.
    pub fn linear(mut self, outputs: usize) -> Self {
        let (inputs, activation) = (self.output_width(), Activation::Identity);
        self.layers.push(Dense { inputs, outputs, bias: false, activation });
        self
    }

    /// Adds a bias to the last layer, which must have no activation yet.
    pub fn bias(mut self) -> Self {
        match self.layers.last_mut() {
            Some(layer) if layer.activation == Activation::Identity => layer.bias = true,
            _ => self.misplace(
                ".bias()".to_owned(),
                "which takes no bias; write .linear(outputs).bias(), and an activation after that",
            ),
        }
        self
    }

    /// Sets the activation of the last layer, which must have none yet; [`Activation::Identity`] leaves it without.
    pub fn activation(mut self, activation: Activation) -> Self {
        match self.layers.last_mut() {
            Some(layer) if layer.activation == Activation::Identity => layer.activation = activation,
            _ => self.misplace(
                match activation {
                    Activation::Identity => ".activation(Activation::Identity)".to_owned(),
                    activation => match activation.parameter() {
                        Some(_) => format!(".{activation}"),
                        None => format!(".{activation}()"),
                    },
                },
                "which takes no activation: a layer is a linear map with one; write .linear(outputs) before it",
            ),
        }
        self
    }

    /// Records a bias or activation without its layer, for [`Mlp::check`] to refuse. Only the first is kept.
    fn misplace(&mut self, what: String, rule: &'static str) {
        self.misplaced.get_or_insert((what, rule, self.layers.len()));
    }

    /// Input values per sample.
    pub fn input_width(&self) -> usize {
        self.inputs
    }

    /// The encoding of the input, if it is encoded.
    pub fn input_encoding(&self) -> Option<Encoding> {
        self.encoding
    }

    /// Values per sample that the first layer takes: the inputs, or what the encoding makes of them.
    pub fn encoded_width(&self) -> usize {
        self.encoding.map_or(self.inputs, |encoding| encoding.width(self.inputs))
    }

    /// Output values per sample.
    pub fn output_width(&self) -> usize {
        self.layers.last().map_or_else(|| self.encoded_width(), |layer| layer.outputs)
    }

    /// The layers in order.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The number of parameters: the features of a hash grid, and the weights and biases of all layers; `usize::MAX` if that
    /// overflows.
    #[inline(never)]
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().fold(self.grid_range().end, |count, layer| count.saturating_add(layer.parameter_count()))
    }

    /// The range of the features of a hash grid in the parameters of the network: the first, `[entries, features]`, level after
    /// level. Empty without a hash grid.
    pub fn grid_range(&self) -> Range<usize> {
        // Sizes that were not checked may be anything.
        let encoding = self.encoding.filter(|encoding| encoding.check("", self.inputs).is_ok());
        0..encoding.map_or(0, |encoding| encoding.parameter_count(self.inputs))
    }

    /// The hash grid, if the inputs are encoded by one.
    pub(crate) fn grid(&self) -> Option<HashGrid> {
        self.encoding.and_then(Encoding::grid)
    }

    /// The range of each layer in the parameters of the network: after a hash grid, layer after layer, each a row-major matrix of its
    /// [`Dense::parameter_shape`].
    #[inline(never)]
    pub fn parameter_ranges(&self) -> Vec<Range<usize>> {
        let mut end = self.grid_range().end;
        self.layers
            .iter()
            .map(|layer| {
                let start = end;
                end = end.saturating_add(layer.parameter_count());
                start..end
            })
            .collect()
    }

    /// Refuses a description that is not a network. Errors name `operation`.
    ///
    /// # Errors
    /// [`Error::Count`] for a width of 0, no layers, a softmax of one output, or an encoding's parameter;
    /// [`Error::Misplaced`] for an encoding after a layer, a bias or an activation without its linear layer, or a softmax before
    /// the last one; [`Error::OutOfRange`] for an activation's
    /// parameter; [`Error::TooLarge`] for parameters of 4 GiB or more.
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.inputs == 0 {
            return Err(Error::zero(operation, "the width of the input"));
        }
        if let Some((what, rule, after)) = self.misplaced.clone() {
            return Err(Error::Misplaced { operation, what, after, rule });
        }
        self.encoding.map_or(Ok(()), |encoding| encoding.check(operation, self.inputs))?;
        if self.layers.is_empty() {
            let rule = "add one, for example .linear(30)";
            return Err(Error::count(operation, "the number of layers", 0, [1, u64::MAX], rule));
        }
        if self.layers.iter().any(|layer| layer.outputs == 0) {
            return Err(Error::zero(operation, "the width of a layer"));
        }
        self.check_activations(operation)?;
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

    /// Refuses an activation with an impossible parameter, and a softmax that is not over the network's outputs.
    fn check_activations(&self, operation: &'static str) -> Result<()> {
        self.layers.iter().try_for_each(|layer| layer.activation.check(operation))?;
        let softmax = self.layers.iter().position(|layer| layer.activation == Activation::Softmax);
        match softmax {
            Some(l) if l + 1 < self.layers.len() => {
                let rule = "where another layer follows; only the last layer can have a softmax";
                Err(Error::Misplaced { operation, what: ".softmax()".to_owned(), after: l + 1, rule })
            }
            Some(_) if self.output_width() == 1 => {
                let rule = "a softmax of one output is always 1; write .sigmoid(), or .linear(2).softmax()";
                Err(Error::count(operation, "the number of outputs of a softmax", 1, [2, u64::MAX], rule))
            }
            _ => Ok(()),
        }
    }

    /// The same network without the last layer's activation: its outputs are the pre-activations.
    pub(crate) fn without_last_activation(&self) -> Self {
        let mut mlp = self.clone();
        if let Some(last) = mlp.layers.last_mut() {
            last.activation = Activation::Identity;
        }
        mlp
    }

    /// The activation of the last layer.
    pub(crate) fn last_activation(&self) -> Activation {
        self.layers.last().map_or(Activation::Identity, |layer| layer.activation)
    }

    /// Refuses a number of parameters that is not that of `networks` such networks.
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

    /// The parameters of a new network, by [`Init::LeCunNormal`]: [`Mlp::initial_parameters_by`].
    ///
    /// # Errors
    /// Those of [`Mlp::check`].
    pub fn initial_parameters(&self, seed: u64) -> Result<Vec<f32>> {
        self.initial_parameters_by(Init::default(), seed)
    }

    /// The parameters of a new network. They are drawn in f64 from Xoshiro256++, in the order of [`Mlp::parameter_ranges`],
    /// and rounded to f32: a seed gives the same values on every machine.
    ///
    /// ```
    /// use wgrad::{Init, Mlp};
    /// let mlp = Mlp::inputs(2).linear(64).bias().relu().linear(1).bias();
    /// let parameters = mlp.initial_parameters_by(Init::HeNormal, 1)?; // for Network::from_parameters
    /// assert_eq!(parameters.len(), mlp.parameter_count());
    /// # Ok::<(), wgrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Mlp::check`].
    pub fn initial_parameters_by(&self, init: Init, seed: u64) -> Result<Vec<f32>> {
        self.check("Mlp::initial_parameters")?;
        Ok(init.parameters(self, seed))
    }
}

impl fmt::Display for Mlp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.inputs)?;
        if let Some(encoding) = self.encoding {
            write!(formatter, " → {encoding}")?;
        }
        for layer in &self.layers {
            write!(formatter, " → linear {}{}", layer.outputs, if layer.bias { " with bias" } else { "" })?;
            if layer.activation != Activation::Identity {
                write!(formatter, " → {}", layer.activation)?;
            }
        }
        Ok(())
    }
}
