//! The notebook's classes: the `Layer` contract, `Linear`, a layer of an activation, one of an encoding, and `NeuralNetwork`.

use super::{
    Matrix, activation, activation_backward, encode, encode_backward, encode_grid, encode_grid_backward, loss, matmul,
    matmul_transposed, outer_product, weight_update,
};
use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::error::{Error, Result};
use crate::hash_grid::HashGrid;
use crate::loss::Loss;
use crate::mlp::Mlp;

/// A layer in a training step: `forward`, then `backward`, then `update`. Each stores what the next one needs.
pub trait Layer {
    /// The layer's output `[rows, outputs]` for the batch `x`, `[rows, inputs]`, one row per sample.
    ///
    /// # Errors
    /// [`Error::Shapes`] if `x` does not fit the layer.
    fn forward(&mut self, x: &Matrix) -> Result<Matrix>;

    /// The gradient of the loss with respect to the layer's last input, from the gradient with respect to its last output,
    /// with the weights as they are before the update.
    ///
    /// # Errors
    /// [`Error::Shapes`] if `d_output` does not fit the last `forward`, or there was none.
    fn backward(&mut self, d_output: &Matrix) -> Result<Matrix>;

    /// Gradient descent: subtracts `learning_rate` times the gradient of the last `backward`, divided by the batch size.
    ///
    /// # Errors
    /// [`Error::Shapes`] if there was no `backward` yet.
    fn update(&mut self, _learning_rate: f64) -> Result<()> {
        Ok(())
    }

    /// The activation that the layer is; the identity, if it is none.
    fn activation(&self) -> Activation {
        Activation::Identity
    }

    /// The layer's parameters, if it has any.
    fn parameters(&self) -> Option<&Matrix> {
        None
    }

    /// The layer's parameters, mutable, if it has any.
    fn parameters_mut(&mut self) -> Option<&mut Matrix> {
        None
    }

    /// The gradient of the batch's loss with respect to the parameters, from the last `backward`, if there was one.
    fn d_parameters(&self) -> Option<&Matrix> {
        None
    }
}

/// `y = x · w`, or with a bias `y = x · w + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    w: Matrix,
    bias: bool,
    x: Matrix,
    d_weights: Matrix,
}

impl Linear {
    /// A layer with the weights `w`, `[inputs, outputs]`.
    pub fn new(w: Matrix) -> Self {
        Linear { w, bias: false, x: Matrix::default(), d_weights: Matrix::default() }
    }

    /// A layer whose last row of `w`, `[inputs + 1, outputs]`, is its bias.
    pub fn with_bias(w: Matrix) -> Self {
        Linear { bias: true, ..Linear::new(w) }
    }

    fn inputs(&self) -> usize {
        self.w.rows().saturating_sub(usize::from(self.bias))
    }
}

impl Layer for Linear {
    fn forward(&mut self, x: &Matrix) -> Result<Matrix> {
        if x.columns() != self.inputs() {
            return Err(Error::Shapes {
                operation: "Linear::forward",
                left_name: "x",
                left: x.shape(),
                right_name: "w",
                right: self.w.shape(),
                rule: "x must have as many columns as the layer has inputs",
            });
        }
        self.x = x.clone();
        matmul(x, &self.w)
    }

    fn backward(&mut self, d_output: &Matrix) -> Result<Matrix> {
        self.d_weights = outer_product(&self.x, d_output, self.bias)?;
        matmul_transposed(d_output, &self.w, self.inputs())
    }

    fn update(&mut self, learning_rate: f64) -> Result<()> {
        self.w = weight_update(&self.w, &self.d_weights, learning_rate, self.x.rows())?;
        Ok(())
    }

    fn parameters(&self) -> Option<&Matrix> {
        Some(&self.w)
    }

    fn parameters_mut(&mut self) -> Option<&mut Matrix> {
        Some(&mut self.w)
    }

    fn d_parameters(&self) -> Option<&Matrix> {
        Some(&self.d_weights)
    }
}

/// `y = f(x)`, for any activation and of any width.
#[derive(Clone, Debug)]
pub struct ActivationLayer {
    activation: Activation,
    x: Matrix,
    y: Matrix,
}

impl ActivationLayer {
    /// A layer that is this activation.
    pub fn new(activation: Activation) -> Self {
        ActivationLayer { activation, x: Matrix::default(), y: Matrix::default() }
    }
}

impl Layer for ActivationLayer {
    fn forward(&mut self, x: &Matrix) -> Result<Matrix> {
        self.x = x.clone();
        self.y = activation(self.activation, x);
        Ok(self.y.clone())
    }

    fn backward(&mut self, d_output: &Matrix) -> Result<Matrix> {
        activation_backward(self.activation, d_output, &self.x, &self.y)
    }

    fn activation(&self) -> Activation {
        self.activation
    }
}

/// The values of an encoding of the inputs.
#[derive(Clone, Debug)]
pub struct EncodingLayer {
    encoding: Encoding,
    x: Matrix,
}

impl EncodingLayer {
    /// A layer that is this encoding.
    pub fn new(encoding: Encoding) -> Self {
        EncodingLayer { encoding, x: Matrix::default() }
    }
}

impl Layer for EncodingLayer {
    fn forward(&mut self, x: &Matrix) -> Result<Matrix> {
        self.x = x.clone();
        encode(self.encoding, x)
    }

    fn backward(&mut self, d_output: &Matrix) -> Result<Matrix> {
        encode_backward(self.encoding, &self.x, d_output)
    }
}

/// The values of a hash grid at the inputs.
#[derive(Clone, Debug)]
pub struct GridLayer {
    grid: HashGrid,
    table: Matrix,
    x: Matrix,
    d_table: Matrix,
}

impl GridLayer {
    /// A layer that is this grid, with the features `table`, `[entries, features]`.
    pub fn new(grid: HashGrid, table: Matrix) -> Self {
        GridLayer { grid, table, x: Matrix::default(), d_table: Matrix::default() }
    }
}

impl Layer for GridLayer {
    fn forward(&mut self, x: &Matrix) -> Result<Matrix> {
        self.x = x.clone();
        encode_grid(&self.grid, &self.table, x)
    }

    fn backward(&mut self, d_output: &Matrix) -> Result<Matrix> {
        let [d_x, d_table] = encode_grid_backward(&self.grid, &self.table, &self.x, d_output)?;
        self.d_table = d_table;
        Ok(d_x)
    }

    fn update(&mut self, learning_rate: f64) -> Result<()> {
        self.table = weight_update(&self.table, &self.d_table, learning_rate, self.x.rows())?;
        Ok(())
    }

    fn parameters(&self) -> Option<&Matrix> {
        Some(&self.table)
    }

    fn parameters_mut(&mut self) -> Option<&mut Matrix> {
        Some(&mut self.table)
    }

    fn d_parameters(&self) -> Option<&Matrix> {
        Some(&self.d_table)
    }
}

/// A sequence of layers.
#[derive(Default)]
pub struct NeuralNetwork {
    layers: Vec<Box<dyn Layer>>,
}

impl NeuralNetwork {
    /// A network of these layers.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        NeuralNetwork { layers }
    }

    /// The network that `mlp` describes, with these parameters (in the order of [`Mlp::parameter_ranges`]).
    ///
    /// # Errors
    /// Those of [`Mlp::check`]; [`Error::Count`] for a wrong number of parameters.
    pub fn from_parameters(mlp: &Mlp, parameters: &[f32]) -> Result<Self> {
        let operation = "NeuralNetwork::from_parameters";
        mlp.check(operation)?;
        mlp.check_parameter_count(operation, 1, parameters)?;
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        match (mlp.input_encoding(), mlp.grid()) {
            (_, Some(grid)) => {
                let (entries, features) = (grid.entries(mlp.input_width()), grid.features as usize);
                let table = Matrix::from_f32(entries, features, &parameters[mlp.grid_range()])?;
                layers.push(Box::new(GridLayer::new(grid, table)));
            }
            (Some(encoding), None) => layers.push(Box::new(EncodingLayer::new(encoding))),
            (None, None) => {}
        }
        for (layer, range) in mlp.layers().iter().zip(mlp.parameter_ranges()) {
            let [rows, columns] = layer.parameter_shape();
            let w = Matrix::from_f32(rows, columns, &parameters[range])?;
            layers.push(Box::new(if layer.bias { Linear::with_bias(w) } else { Linear::new(w) }));
            if layer.activation != Activation::Identity {
                layers.push(Box::new(ActivationLayer::new(layer.activation)));
            }
        }
        Ok(NeuralNetwork { layers })
    }

    /// The output for the batch `x`, one row per sample.
    ///
    /// # Errors
    /// [`Error::Shapes`] if `x` does not fit the first layer, or a layer's output the next layer.
    pub fn forward(&mut self, x: &Matrix) -> Result<Matrix> {
        self.layers.iter_mut().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }

    /// The gradient of the loss with respect to the last input, from the gradient with respect to the last output.
    ///
    /// # Errors
    /// [`Error::Shapes`] if `d_output` does not fit the last `forward`.
    pub fn backward(&mut self, d_output: &Matrix) -> Result<Matrix> {
        self.layers.iter_mut().rev().try_fold(d_output.clone(), |d_output, layer| layer.backward(&d_output))
    }

    /// Updates every layer's parameters by the gradient of its last `backward`.
    ///
    /// # Errors
    /// [`Error::Shapes`] if there was no `backward` yet.
    pub fn update(&mut self, learning_rate: f64) -> Result<()> {
        self.layers.iter_mut().try_for_each(|layer| layer.update(learning_rate))
    }

    /// Forward and backward for the batch `x` with targets `t`. Returns the batch's loss, the mean over its samples.
    ///
    /// # Errors
    /// [`Error::Shapes`] if `x` or `t` does not fit the network; [`Error::Count`] for a batch without samples.
    pub fn backpropagate(&mut self, x: &Matrix, t: &Matrix, of: Loss) -> Result<f64> {
        if x.rows() == 0 {
            return Err(Error::zero("NeuralNetwork::backpropagate", "the number of samples"));
        }
        let y = self.forward(x)?;
        let last = self.layers.last().map_or(Activation::Identity, |layer| layer.activation());
        let (sum, d_output) = loss(of, last, &y, t)?;
        self.backward(&d_output)?;
        Ok(sum / x.rows() as f64)
    }

    /// One training step of the notebook's, on the batch `x` with targets `t`: forward, backward, update. Returns the batch's
    /// loss before the update: the mean over its samples of `½ Σ_outputs (y - t)²`.
    ///
    /// # Errors
    /// Those of [`NeuralNetwork::backpropagate`].
    pub fn train_step(&mut self, x: &Matrix, t: &Matrix, learning_rate: f64) -> Result<f64> {
        let loss = self.backpropagate(x, t, Loss::SquaredError)?;
        self.update(learning_rate)?;
        Ok(loss)
    }

    /// The layers in order.
    pub fn layers(&self) -> &[Box<dyn Layer>] {
        &self.layers
    }

    /// The layers in order, mutable.
    pub fn layers_mut(&mut self) -> &mut [Box<dyn Layer>] {
        &mut self.layers
    }

    /// All parameters, layer after layer.
    pub fn parameters(&self) -> Vec<f64> {
        self.layers.iter().filter_map(|layer| layer.parameters()).flat_map(Matrix::as_slice).copied().collect()
    }

    /// Replaces all parameters, layer after layer.
    ///
    /// # Errors
    /// [`Error::Count`] for another number of them: then none is replaced.
    pub fn write_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let expected = self.layers.iter().filter_map(|layer| layer.parameters()).map(|w| w.as_slice().len()).sum();
        if parameters.len() != expected {
            let lengths = [parameters.len(), expected];
            return Err(Error::length(
                "NeuralNetwork::write_parameters",
                "parameters",
                lengths,
                "as many as there are",
            ));
        }
        let mut rest = parameters;
        for w in self.layers.iter_mut().filter_map(|layer| layer.parameters_mut()) {
            let (own, after) = rest.split_at(w.as_slice().len());
            w.as_mut_slice().copy_from_slice(own);
            rest = after;
        }
        Ok(())
    }

    /// The gradient of the last batch's loss with respect to all parameters, layer after layer.
    pub fn d_parameters(&self) -> Vec<f64> {
        self.layers.iter().filter_map(|layer| layer.d_parameters()).flat_map(Matrix::as_slice).copied().collect()
    }
}
