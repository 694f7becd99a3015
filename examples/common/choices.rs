//! The choices of a training that several programs take as options: activation, loss, optimizer and its rates.

use std::fmt::Display;

use clap::Args;
use wgrad::{Activation, Loss, Mlp, Optimizer, Schedule, TrainConfig};

/// What the user chose. The program has a default for what is left out.
#[derive(Args, Clone, Debug, Default)]
pub struct Choices {
    #[arg(long, help = listed("The activation of the hidden layers", Activation::ALL))]
    pub activation: Option<Activation>,
    #[arg(long, help = listed("What training makes small", Loss::ALL))]
    pub loss: Option<Loss>,
    #[command(flatten)]
    pub descent: Descent,
}

/// How parameters are changed.
#[derive(Args, Clone, Debug, Default)]
pub struct Descent {
    #[arg(long, help = listed("How a step changes the weights", Optimizer::ALL))]
    pub optimizer: Option<Optimizer>,
    /// The learning rate [default: one that suits the optimizer]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f32>,
    /// The factor of the learning rate for each step: constant, cosine(STEPS, FLOOR), exponential(FACTOR), steps(FIRST,
    /// EVERY, FACTOR); warm_up(STEPS) before it
    #[arg(long, default_value_t = Schedule::default())]
    pub schedule: Schedule,
    /// The weight decay: how strongly each step pulls the weights to 0
    #[arg(long, value_name = "DECAY", default_value_t = 0.0, allow_negative_numbers = true)]
    pub weight_decay: f32,
}

/// The help of an option that names an entry of a table of the library's.
fn listed(what: &str, entries: &[impl Display]) -> String {
    format!("{what}: {}", entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

impl Descent {
    /// The configuration of a training: what is not chosen is by `optimizer`, and at the learning rate that suits: one of
    /// `rates`, that for gradient descent or that for Adam.
    pub fn config(&self, optimizer: Optimizer, rates: [f32; 2]) -> TrainConfig {
        let optimizer = self.optimizer.unwrap_or(optimizer);
        TrainConfig {
            optimizer,
            learning_rate: self.learning_rate.unwrap_or_else(|| usual_rate(optimizer, rates)),
            schedule: self.schedule,
            weight_decay: self.weight_decay,
            ..Default::default()
        }
    }
}

/// The learning rate that suits an optimizer, given those for gradient descent and for Adam.
fn usual_rate(optimizer: Optimizer, [sgd, adam]: [f32; 2]) -> f32 {
    match optimizer {
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => adam,
        // Steps in one direction add up to 1 / (1 - momentum) times a step.
        Optimizer::Momentum { momentum, .. } => (f64::from(sgd) * (1.0 - momentum)) as f32,
        _ => sgd,
    }
}

/// The activation of the last layer: what the loss is of; otherwise the hidden layers', if it keeps its outputs within
/// bounds, as targets are; otherwise none.
pub fn last_activation(hidden: Activation, loss: Loss) -> Activation {
    match (loss, hidden) {
        (Loss::CrossEntropy { .. }, _) => Activation::Softmax,
        (Loss::BinaryCrossEntropy, _) => Activation::Sigmoid,
        (_, Activation::Sigmoid | Activation::Tanh) => hidden,
        _ => Activation::Identity,
    }
}

/// Loss, optimizer, learning rate, and what else is not the usual, in words.
pub fn described(config: &TrainConfig) -> String {
    let mut text = format!("{}, {}, learning rate {}", config.loss, config.optimizer, config.learning_rate);
    if config.schedule != Schedule::default() {
        text += &format!(", schedule {}", config.schedule);
    }
    if config.weight_decay != 0.0 {
        text += &format!(", weight decay {}", config.weight_decay);
    }
    text
}

/// Layers of these widths, the first the inputs', with these activations, and with a bias or without.
pub fn layers(widths: &[usize], hidden: Activation, last: Activation, bias: bool) -> Mlp {
    let (inputs, layers) = widths.split_first().map_or((0, widths), |(&inputs, layers)| (inputs, layers));
    layers.iter().enumerate().fold(Mlp::inputs(inputs), |mlp, (layer, &width)| {
        let mlp = mlp.linear(width);
        let mlp = if bias { mlp.bias() } else { mlp };
        mlp.activation(if layer + 1 < layers.len() { hidden } else { last })
    })
}

/// The targets of every other class, and of a sample's own. Cross entropies are of probabilities; what else ends in a
/// sigmoid never reaches 0 or 1.
pub fn class_targets(loss: Loss) -> [f32; 2] {
    match loss {
        Loss::BinaryCrossEntropy | Loss::CrossEntropy { .. } => [0.0, 1.0],
        _ => [0.01, 0.99],
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        choices: Choices,
    }

    fn parse(arguments: &[&str]) -> Result<Choices, String> {
        let parsed = Options::try_parse_from(["program"].iter().chain(arguments));
        parsed.map(|options| options.choices).map_err(|error| error.to_string())
    }

    #[test]
    fn every_entry_of_a_table_can_be_chosen_as_it_is_written() {
        for &activation in Activation::ALL {
            let chosen = parse(&["--activation", &activation.to_string()]);
            assert_eq!(chosen.unwrap().activation, Some(activation));
        }
        for &loss in Loss::ALL {
            assert_eq!(parse(&["--loss", &loss.to_string()]).unwrap().loss, Some(loss));
        }
        for &optimizer in Optimizer::ALL {
            let chosen = parse(&["--optimizer", &optimizer.to_string()]);
            assert_eq!(chosen.unwrap().descent.optimizer, Some(optimizer));
        }
        let schedule = "warm_up(5) cosine(100, 0.1)";
        assert_eq!(parse(&["--schedule", schedule]).unwrap().descent.schedule.to_string(), schedule);
    }

    #[test]
    fn what_no_table_has_is_refused_with_what_it_has() {
        for (option, some) in [("--activation", "gelu"), ("--loss", "huber(1)"), ("--optimizer", "nesterov(0.9)")] {
            let error = parse(&[option, "best"]).unwrap_err();
            assert!(error.contains("\"best\" names no") && error.contains(some), "{error}");
        }
    }

    #[test]
    fn the_learning_rate_is_the_users_or_suits_the_optimizer() {
        let rate = |arguments: &[&str]| {
            let config = parse(arguments).unwrap().descent.config(Optimizer::Sgd, [0.1, 0.001]);
            config.learning_rate
        };
        assert_eq!(rate(&[]), 0.1);
        assert_eq!(rate(&["--optimizer", "adamw"]), 0.001);
        assert!((rate(&["--optimizer", "nesterov"]) - 0.01).abs() < 1e-6);
        assert_eq!(rate(&["--optimizer", "adam", "--learning-rate", "0.5"]), 0.5);
    }

    #[test]
    fn the_last_layer_suits_the_loss_and_otherwise_the_hidden_layers() {
        use Activation::{Identity, Relu, Sigmoid, Softmax, Tanh};
        let cross_entropy = Loss::CrossEntropy { label_smoothing: 0.1 };
        assert_eq!([Sigmoid, Relu].map(|hidden| last_activation(hidden, cross_entropy)), [Softmax; 2]);
        assert_eq!(last_activation(Tanh, Loss::BinaryCrossEntropy), Sigmoid);
        let squared = [Sigmoid, Tanh, Relu].map(|hidden| last_activation(hidden, Loss::SquaredError));
        assert_eq!(squared, [Sigmoid, Tanh, Identity]);
        assert_eq!(layers(&[2, 30, 2], Sigmoid, Sigmoid, false), Mlp::widths(&[2, 30, 2]));
        let with_bias = Mlp::inputs(2).linear(3).bias().relu().linear(2).bias();
        assert_eq!(layers(&[2, 3, 2], Relu, Identity, true), with_bias);
    }
}
