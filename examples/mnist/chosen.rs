//! What is trained, and how: by the options, and for what they leave out as is usual today, or as in the notebook.

use wgrad::{Activation, Loss, Mlp, Optimizer, TrainConfig};

use crate::common::choices::{last_activation, layers};
use crate::digits::PIXELS;
use crate::{CLASSES, Options};

/// The learning rates that suit gradient descent and Adam.
const RATES: [f32; 2] = [0.1, 0.001];

/// A network and its training.
pub struct Chosen {
    pub mlp: Mlp,
    pub config: TrainConfig,
    pub epochs: u64,
}

/// What is chosen where the options leave it out.
struct Defaults {
    activation: Activation,
    loss: Loss,
    optimizer: Optimizer,
    batch_size: usize,
    shuffle: bool,
    epochs: u64,
}

/// Smoothed labels keep the network from being too sure of the digits that it learned: it reads more of the others.
const USUAL: Defaults = Defaults {
    activation: Activation::Relu,
    loss: Loss::CrossEntropy { label_smoothing: 0.1 },
    optimizer: Optimizer::adam(),
    batch_size: 32,
    shuffle: true,
    epochs: 10,
};

const NOTEBOOK: Defaults = Defaults {
    activation: Activation::Sigmoid,
    loss: Loss::SquaredError,
    optimizer: Optimizer::Sgd,
    batch_size: 1,
    shuffle: false,
    epochs: 5,
};

impl Chosen {
    /// What the options ask for.
    pub fn new(options: &Options) -> Self {
        let defaults = if options.notebook { NOTEBOOK } else { USUAL };
        let hidden = options.choices.activation.unwrap_or(defaults.activation);
        let loss = options.choices.loss.unwrap_or(defaults.loss);
        let widths = [&[PIXELS], &options.hidden[..], &[CLASSES]].concat();
        let config = TrainConfig {
            loss,
            batch_size: options.batch_size.unwrap_or(defaults.batch_size),
            shuffle: options.shuffle || defaults.shuffle,
            seed: options.seed,
            plan: options.plan,
            ..options.choices.descent.config(defaults.optimizer, RATES)
        };
        Chosen {
            mlp: layers(&widths, hidden, last_activation(hidden, loss), false),
            config,
            epochs: options.epochs.unwrap_or(defaults.epochs),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn chosen(arguments: &str) -> Chosen {
        Chosen::new(&Options::try_parse_from(format!("mnist {arguments}").split_whitespace()).expect("options"))
    }

    #[test]
    fn the_notebooks_way_is_one_option_away() {
        let notebook = chosen("--notebook");
        assert_eq!((notebook.mlp, notebook.epochs), (Mlp::widths(&[784, 200, 10]), 5));
        assert_eq!(notebook.config, TrainConfig { seed: 1, ..Default::default() });
        let usual = chosen("");
        assert_eq!((usual.mlp, usual.epochs), (Mlp::inputs(784).linear(200).relu().linear(10).softmax(), 10));
        let loss = Loss::CrossEntropy { label_smoothing: 0.1 };
        let config = TrainConfig { loss, batch_size: 32, shuffle: true, seed: 1, ..TrainConfig::adam() };
        assert_eq!(usual.config, config);
    }

    #[test]
    fn each_choice_replaces_a_default_of_either_way() {
        let notebook = chosen("--notebook --optimizer adam --batch-size 8 --epochs 2 --hidden 30,20");
        assert_eq!(notebook.mlp, Mlp::widths(&[784, 30, 20, 10]));
        assert_eq!((notebook.config.learning_rate, notebook.config.batch_size, notebook.epochs), (0.001, 8, 2));
        let usual = chosen("--activation tanh --loss binary_cross_entropy --weight-decay 0.01");
        assert_eq!(usual.mlp, Mlp::inputs(784).linear(200).tanh().linear(10).sigmoid());
        assert_eq!(usual.config.weight_decay, 0.01);
    }
}
