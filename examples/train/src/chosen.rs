//! The network and its training: by the options, and for what they leave out as suits the target, or as in the notebook.

use wgrad::{Activation, Loss, Mlp, Optimizer, TrainConfig};

use crate::column::Column;
use crate::common::choices::{class_targets, last_activation, layers};
use crate::options::Options;
use crate::scaling::Scaling;

/// The learning rates that suit gradient descent by batches, and Adam.
const RATES: [f32; 2] = [0.5, 0.001];

/// The activations and the training; the widths come from the table.
#[derive(Debug)]
pub struct Chosen {
    pub hidden: Activation,
    pub last: Activation,
    pub config: TrainConfig,
}

impl Chosen {
    /// What the options ask for, for a target that is a class or a number.
    ///
    /// # Errors
    /// For a loss of classes and a target that is a number.
    pub fn new(options: &Options, target: &Column) -> Result<Self, String> {
        let is_class = target.words.is_some();
        let (activation, loss, optimizer) = match (options.notebook, is_class) {
            (true, _) => (Activation::Sigmoid, Loss::SquaredError, Optimizer::Sgd),
            (false, true) => (Activation::Relu, Loss::CrossEntropy { label_smoothing: 0.0 }, Optimizer::adam()),
            (false, false) => (Activation::Relu, Loss::MeanSquaredError, Optimizer::adam()),
        };
        let hidden = options.choices.activation.unwrap_or(activation);
        let loss = options.choices.loss.unwrap_or(loss);
        if let (Loss::CrossEntropy { .. }, false) = (loss, is_class) {
            let name = &target.name;
            return Err(format!(
                "the loss {loss} is for classes, and the target {name:?} is a number: choose mean_squared_error, or --kind class"
            ));
        }
        let last = match loss {
            Loss::BinaryCrossEntropy => Activation::Sigmoid,
            // Any number can be an answer.
            _ if !is_class && !options.notebook => Activation::Identity,
            _ => last_activation(hidden, loss),
        };
        let config = TrainConfig {
            loss,
            shuffle: true,
            seed: options.seed,
            plan: options.plan,
            ..options.choices.descent.config(optimizer, RATES)
        };
        Ok(Chosen { hidden, last, config })
    }

    /// Whether the network's outputs have bounds.
    pub fn is_bounded(&self) -> bool {
        self.last != Activation::Identity
    }

    /// The targets of every other class, and of a row's own.
    pub fn class_targets(&self) -> [f32; 2] {
        class_targets(self.config.loss)
    }

    /// The network with hidden layers of these widths, or with exactly these layers if the ends fit; and which of the two
    /// it is.
    pub fn network(&self, scaling: &Scaling, widths: &[usize]) -> (Mlp, String) {
        let (inputs, outputs) = (scaling.input_width(), scaling.output_width());
        let (hidden, about) = match widths {
            [first, hidden @ .., last] if [*first, *last] == [inputs, outputs] => (hidden, "the widths of all layers"),
            hidden => {
                (hidden, if hidden.len() == 1 { "the width of the hidden layer" } else { "the hidden layers' widths" })
            }
        };
        let mlp = layers(&[&[inputs], hidden, &[outputs]].concat(), self.hidden, self.last, true);
        let widths = widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        (mlp, format!("--layers {widths}: {about}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::problem::Missing;
    use crate::scaling::{Answers, Encoding, Input, Target};

    fn column(words: bool) -> Column {
        let words = words.then(|| ["a", "b", "c"].map(str::to_owned).to_vec());
        Column { name: "t".to_owned(), words, cells: [0.0, 1.0, 2.0].map(Some).to_vec() }
    }

    fn chosen(arguments: &str, of_words: bool) -> Result<Chosen, String> {
        let options = Options::try_parse_from(format!("train t.csv {arguments}").split_whitespace()).unwrap();
        Chosen::new(&options, &column(of_words))
    }

    #[test]
    fn the_defaults_suit_the_targets_kind_and_the_notebooks_are_one_option_away() {
        use Activation::{Identity, Relu, Sigmoid, Softmax, Tanh};
        let activations = |arguments: &str, of_words| {
            let Chosen { hidden, last, config } = chosen(arguments, of_words).unwrap();
            (hidden, last, config.loss.name(), config.optimizer.name())
        };
        assert_eq!(activations("", true), (Relu, Softmax, "cross_entropy", "adam"));
        assert_eq!(activations("", false), (Relu, Identity, "mean_squared_error", "adam"));
        for of_words in [true, false] {
            assert_eq!(activations("--notebook", of_words), (Sigmoid, Sigmoid, "squared_error", "sgd"));
        }
        let more = "--activation tanh --loss binary_cross_entropy --optimizer sgd";
        assert_eq!(activations(more, true), (Tanh, Sigmoid, "binary_cross_entropy", "sgd"));
        assert_eq!(activations(more, false), (Tanh, Sigmoid, "binary_cross_entropy", "sgd"));
        assert_eq!(activations("--activation sigmoid --loss l1", false).1, Identity);
        assert_eq!(activations("--activation sigmoid --loss l1", true).1, Sigmoid);
    }

    #[test]
    fn a_loss_of_classes_is_refused_for_numbers() {
        let error = chosen("--loss cross_entropy", false).unwrap_err();
        assert!(error.contains("cross_entropy is for classes, and the target \"t\" is a number"), "{error}");
    }

    #[test]
    fn widths_are_of_all_layers_where_the_ends_fit_and_otherwise_hidden() {
        let number = |i: usize| Input { name: i.to_string(), encoding: Encoding::Number { mean: 0.0, deviation: 1.0 } };
        let answers = Answers::Classes((0..3).map(|class| class.to_string()).collect());
        let target = Target { name: "t".to_owned(), answers };
        let scaling =
            Scaling { named: true, missing: Missing::default(), inputs: (0..4).map(number).collect(), target };
        let notebook = chosen("--notebook", true).unwrap();
        let built = |widths: &[usize]| {
            let (mlp, about) = notebook.network(&scaling, widths);
            (mlp, about.contains("of all layers"))
        };
        let layers =
            |widths: &[usize]| widths.iter().fold(Mlp::inputs(4), |mlp, &width| mlp.linear(width).bias().sigmoid());
        assert_eq!(built(&[4, 30, 3]), (layers(&[30, 3]), true));
        assert_eq!(built(&[4, 3]), (layers(&[3]), true));
        assert_eq!(built(&[4, 30]), (layers(&[4, 30, 3]), false));
        assert_eq!(built(&[30, 3]), (layers(&[30, 3, 3]), false));
        assert_eq!(built(&[3]), (layers(&[3, 3]), false));
        let (mlp, _) = chosen("", true).unwrap().network(&scaling, &[30]);
        assert_eq!(mlp, Mlp::inputs(4).linear(30).bias().relu().linear(3).bias().softmax());
    }
}
