//! The options.

use std::path::PathBuf;

use clap::Parser;
use wgrad::Plan;

use crate::common::choices::Choices;
use crate::common::options::{PLANS, at_least_one};
use crate::problem::Columns;
use crate::split::Test;
use crate::table::Format;

/// Trains a network on a table (CSV) to predict one of its columns from the others, and tests it on rows held out; or
/// predicts other rows with a saved network, and prints its answers as CSV.
///
/// Columns of numbers are standardised by the training rows; columns of words are one-hot encoded. What each column is is
/// decided by all its cells; an error shows those that do not fit.
///
/// A class is learned by relu, a softmax at the end, whose outputs are probabilities, and cross_entropy; a number by relu,
/// nothing at the end, and mean_squared_error; both by adam. With --notebook by sigmoid, squared_error and sgd: numeric
/// targets are then scaled to the range of the training rows, and answers do not go far beyond it. Other options replace a
/// part of either. The last layer is what the loss is of: a softmax for cross_entropy, a sigmoid for binary_cross_entropy;
/// otherwise of classes the hidden layers' activation if that is sigmoid or tanh, and else none.
#[derive(Parser)]
#[command(name = "train")]
pub struct Options {
    /// The table to train on: fields separated by commas, semicolons, tabs or blanks; it may be gzipped
    #[arg(value_name = "TABLE.csv", required_unless_present = "load")]
    pub table: Option<PathBuf>,
    #[command(flatten)]
    pub columns: Columns,
    #[command(flatten)]
    pub format: Format,
    /// The widths of the hidden layers, in order: 64, or 64,30; or the widths of all layers, if the first and last are
    /// those of the inputs and outputs
    #[arg(long, value_name = "WIDTHS", default_value = "32", value_delimiter = ',', value_parser = at_least_one)]
    pub layers: Vec<usize>,
    /// The number of epochs of the training rows, each in another order [default: 100, or as many as take 2000 steps]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: Option<u64>,
    /// The rows per step, at most all
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub batch_size: usize,
    /// Trains as the notebook does, where no other option says otherwise
    #[arg(long)]
    pub notebook: bool,
    #[command(flatten)]
    pub choices: Choices,
    /// The rows held out for the test: a fraction of all, such as 0.2, or a number of rows; 0 trains on all rows, and
    /// nothing then tells how good the network is on others
    #[arg(long, value_name = "ROWS", default_value = "0.2")]
    pub test: Test,
    /// The seed for the rows held out, the order of rows, and the initial weights
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[arg(long, default_value_t = Plan::Auto, help = PLANS)]
    pub plan: Plan,
    /// A file for the trained network, with all that is needed to predict with it
    #[arg(long, value_name = "FILE.safetensors")]
    pub save: Option<PathBuf>,
    /// A file for a chart of loss and accuracy; the training then stops up to a hundred times
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// A network that --save wrote, to predict with
    #[arg(long, value_name = "FILE.safetensors", requires = "predict", conflicts_with_all = ["table", "target", "kind",
        "leave_out", "words", "numbers", "layers", "epochs", "batch_size", "notebook", "activation", "loss", "optimizer",
        "learning_rate", "schedule", "weight_decay", "test", "seed", "plan", "save", "plot"])]
    pub load: Option<PathBuf>,
    /// The rows to predict (CSV): the training table's columns by name in any order, or without a header the inputs in
    /// the table's order
    #[arg(long, value_name = "ROWS.csv", requires = "load", conflicts_with = "table")]
    pub predict: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_table_is_trained_on_or_a_network_loaded_and_not_both() {
        let parse = |arguments: &str| Options::try_parse_from(arguments.split(' '));
        assert!(
            parse("train t.csv").is_ok_and(|options| options.layers == [32] && options.test == Test::Fraction(0.2))
        );
        assert!(parse("train t.csv --layers 64,30,10 --test 30 --kind class --header no").is_ok());
        assert!(parse("train t.csv --test 0 --leave-out id --leave-out name --separator tab").is_ok());
        assert!(
            parse("train t.csv --missing NA,? --missing-rows mean")
                .is_ok_and(|options| { options.format.missing == ["NA", "?"] })
        );
        assert!(parse("train --load n --predict r.csv --header yes --missing NA --decimal comma").is_ok());
        for refused in [
            "--layers 5",
            "t --load n --predict r",
            "--load n",
            "t --predict r",
            "--load n --predict r --seed 2",
            "--load n --predict r --leave-out a",
            "--load n --predict r --loss l1",
            "--load n --predict r --optimizer sgd",
            "--load n --predict r --notebook",
        ] {
            assert!(parse(&format!("train {refused}")).is_err(), "{refused}");
        }
        for refused in
            ["--layers 5,0", "--epochs 0", "--batch-size 0", "--kind word", "--header maybe", "--separator ab"]
        {
            assert!(parse(&format!("train t.csv {refused}")).is_err(), "{refused}");
        }
    }
}
