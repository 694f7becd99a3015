//! A network for a table of your own: trained on its rows, tested on rows held out, saved, and asked about other rows.
//!
//! cargo run --release --features datasets,files --example train -- --help
//!
//! Modules: `problem` chooses inputs and target of a table, `split` the rows held out, `chosen` the network and how it is
//! trained, `scaling` turns cells into a network's inputs and its outputs into answers, `note` saves the scaling in the
//! network's file, `training` runs the epochs, `score` rates the answers, `rows` reads the rows to predict from, `answers` writes the answers as CSV.

mod answers;
mod chosen;
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
mod end_to_end;
mod note;
mod problem;
mod rows;
mod scaling;
mod score;
mod split;
mod training;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use wgrad::datasets::{Header, ReadProgress, Table};
use wgrad::{Dataset, Gpu, Network, Plan, TrainConfig, Trainer};

use crate::chosen::Chosen;
use crate::common::choices::{self, Choices};
use crate::common::exit::exit;
use crate::common::options::{PLANS, at_least_one, check_folders};
use crate::common::progress;
use crate::problem::{Column, Kind, Problem};
use crate::scaling::{Answers, Scaling, Units};
use crate::score::Score;
use crate::split::Test;
use crate::training::Measured;

/// How long the GPU may take for one piece of work: longer than the library's 10 s, which a driver on a busy CPU may
/// need just to compile a shader.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Trains a network on a table (CSV) to predict one of its columns from the others, and tests it on rows held out; or
/// predicts other rows with a saved network, and prints its answers as CSV.
///
/// Columns of numbers are standardised by the training rows; columns of words are one-hot encoded. Leave out columns
/// that only number or name the rows.
///
/// A class is learned by relu, a softmax at the end, whose outputs are probabilities, and cross_entropy; a number by relu,
/// nothing at the end, and mean_squared_error; both by adam. With --notebook by sigmoid, squared_error and sgd: numeric
/// targets are then scaled to the range of the training rows, and answers do not go far beyond it. Other options replace a
/// part of either. The last layer is what the loss is of: a softmax for cross_entropy, a sigmoid for binary_cross_entropy;
/// otherwise of classes the hidden layers' activation if that is sigmoid or tanh, and else none.
#[derive(Parser)]
struct Options {
    /// The table to train on
    #[arg(value_name = "TABLE.csv", required_unless_present = "load")]
    table: Option<PathBuf>,
    /// The column to predict from the others: its name, or "first" or "last"
    #[arg(long, value_name = "COLUMN", default_value = "last")]
    target: String,
    /// The kind of the target
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    kind: Kind,
    /// The widths of the hidden layers, in order: 64, or 64,30; or the widths of all layers, if the first and last are
    /// those of the inputs and outputs
    #[arg(long, value_name = "WIDTHS", default_value = "32", value_delimiter = ',', value_parser = at_least_one)]
    layers: Vec<usize>,
    /// The number of epochs of the training rows, each in another order
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// The rows per step, at most all
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    batch_size: usize,
    /// Trains as the notebook does, where no other option says otherwise
    #[arg(long)]
    notebook: bool,
    #[command(flatten)]
    choices: Choices,
    /// The rows held out for the test: a fraction of all, such as 0.2, or a number of rows
    #[arg(long, value_name = "ROWS", default_value = "0.2")]
    test: Test,
    /// The seed for the rows held out, the order of rows, and the initial weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = Plan::Auto, help = PLANS)]
    plan: Plan,
    /// Whether the first row names the columns
    #[arg(long, value_enum, default_value_t = HeaderRow::Auto)]
    header: HeaderRow,
    /// A file for the trained network, with all that is needed to predict with it
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,
    /// A file for a chart of loss and accuracy; the training then stops up to a hundred times
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// A network that --save wrote, to predict with
    #[arg(long, value_name = "FILE.safetensors", requires = "predict", conflicts_with_all = ["table", "target", "kind",
        "layers", "epochs", "batch_size", "notebook", "activation", "loss", "optimizer", "learning_rate", "schedule",
        "weight_decay", "test", "seed", "plan", "save", "plot"])]
    load: Option<PathBuf>,
    /// The rows to predict (CSV): the training table's columns by name in any order, or without a header the inputs in
    /// the table's order
    #[arg(long, value_name = "ROWS.csv", requires = "load", conflicts_with = "table")]
    predict: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum HeaderRow {
    /// Yes if the first row has no number and the second has one; for rows to predict, also if it has a column's name
    Auto,
    Yes,
    No,
}

impl From<HeaderRow> for Header {
    fn from(row: HeaderRow) -> Self {
        match row {
            HeaderRow::Auto => Header::Auto,
            HeaderRow::Yes => Header::Yes,
            HeaderRow::No => Header::No,
        }
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let (Some(file), Some(rows)) = (&options.load, &options.predict) {
        let gpu = headless()?;
        let (network, scaling) = note::load(&gpu, file)?;
        let answered = predict(&network, &scaling, rows, options.header.into(), io::stdout().lock())?;
        eprintln!("network  {}", network.mlp());
        eprintln!("adapter  {}", gpu.description());
        eprintln!("answers  {answered}");
        return Ok(());
    }
    let table = options.table.as_ref().ok_or("there is no table to train on")?;
    let (_, _, score) = train(options, table)?;
    println!("\n{}", score.report());
    Ok(())
}

fn headless() -> wgrad::Result<Gpu> {
    Ok(Gpu::headless()?.with_wait_timeout(LONGEST_WAIT))
}

/// Writes the network's answers for the rows of a file, and returns their number.
fn predict(
    network: &Network,
    scaling: &Scaling,
    path: &Path,
    header: Header,
    to: impl io::Write,
) -> Result<usize, Box<dyn Error>> {
    let columns = rows::read(path, header, scaling)?;
    let columns = columns.iter().map(Vec::as_slice).collect::<Vec<_>>();
    let rows = (0..columns.first().map_or(0, |cells| cells.len())).collect::<Vec<_>>();
    let outputs = answers::outputs_of(network, &scaling.inputs_of(&columns, &rows))?;
    answers::write(scaling, &outputs, to)?;
    Ok(rows.len())
}

/// Trains and saves a network. Returns it with its scaling and its score on the rows held out.
fn train(options: &Options, path: &Path) -> Result<(Network, Scaling, Score), Box<dyn Error>> {
    // Errors that do not depend on the training come before it.
    check_folders([&options.save, &options.plot].into_iter().flatten().map(PathBuf::as_path))?;
    let problem = Problem::new(&read(path, options.header.into())?, &options.target, options.kind)?;
    let [training, held_out] = split::split(problem.rows, options.test, options.seed)?;
    let chosen = Chosen::new(options, &problem.target)?;
    let scaling = Scaling::new(&problem, &training, chosen.is_bounded())?;
    let (mlp, about_layers) = chosen.network(&scaling, &options.layers);
    let (to_train, to_test) = (training.len(), held_out.len());
    println!("table    {}: {} rows, {to_train} to train on, {to_test} held out", path.display(), problem.rows);
    describe(&problem, &scaling, &training);

    let gpu = headless()?;
    let columns = problem.inputs.iter().map(|column| column.cells.as_slice()).collect::<Vec<_>>();
    let targets_of = |rows: &[usize]| scaling.targets_of(&problem.target.cells, rows, chosen.class_targets());
    let samples = |rows: &[usize]| [scaling.inputs_of(&columns, rows), targets_of(rows)];
    let [inputs, targets] = samples(&training);
    let data = Dataset::from_slices(&gpu, training.len(), &inputs, &targets)?;
    let network = Network::new(&gpu, &mlp, options.seed)?;
    let config = TrainConfig { batch_size: options.batch_size.min(training.len()), ..chosen.config.clone() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    println!("network  {mlp}, {} parameters; {about_layers}", mlp.parameter_count());
    println!("training {}, batches of {}", choices::described(trainer.config()), trainer.config().batch_size);
    println!("plan     {}", trainer.plan());
    println!("adapter  {}", gpu.description());

    let [inputs, targets] = samples(&held_out);
    let cells = |rows: &[usize]| rows.iter().map(|&row| problem.target.cells[row]).collect::<Vec<_>>();
    let (training, held_out) = (cells(&training), cells(&held_out));
    let measure = || {
        let outputs = answers::outputs_of(&network, &inputs)?;
        let accuracy = Score::new(&scaling, &outputs, &held_out, &training).accuracy();
        Ok(Measured {
            loss: score::loss(chosen.config.loss, chosen.last, &outputs, &targets, held_out.len())?,
            accuracy,
        })
    };
    let trained = training::train(&mut trainer, options.epochs, options.plot.is_some().then_some(measure))?;
    println!("trained  {} epochs in {:.2} s, loss {:.6}", options.epochs, trained.seconds, trained.loss);

    if let (Some(path), Some(chart)) = (&options.plot, trained.chart) {
        chart.save(path)?;
        println!("written  {}", path.display());
    }
    if let Some(path) = &options.save {
        note::save(&network, &scaling, path)?;
        println!("written  {}", path.display());
    }
    let score = Score::new(&scaling, &answers::outputs_of(&network, &inputs)?, &held_out, &training);
    Ok((network, scaling, score))
}

fn read(path: &Path, header: Header) -> Result<Table, Box<dyn Error>> {
    let bar = progress::bar(0, "{bytes} of {total_bytes} read")?;
    let table = Table::from_csv(path, header, |progress: ReadProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.bytes);
    })?;
    bar.finish_and_clear();
    Ok(table)
}

fn describe(problem: &Problem, scaling: &Scaling, training: &[usize]) {
    if !problem.named {
        println!("header   none: the columns are \"column 1\", \"column 2\" and so on");
    }
    let word_columns = problem.inputs.iter().filter(|column| column.words.is_some()).count();
    let number_columns = problem.inputs.len() - word_columns;
    let width = scaling.input_width();
    println!("inputs   {width} per row; columns of numbers: {number_columns}, of words: {word_columns}");
    let Column { name, .. } = &problem.target;
    match &scaling.target.answers {
        Answers::Classes(classes) => println!("target   {name:?}, one of {} classes", classes.len()),
        &Answers::Numbers(Units::Range { low, high }) => {
            let [low, high] = [low, high].map(score::figures);
            println!("target   {name:?}, a number from {low} to {high} in the training rows");
        }
        &Answers::Numbers(Units::Standard { mean, deviation }) => {
            let [mean, deviation] = [mean, deviation].map(score::figures);
            println!(
                "target   {name:?}, a number; in the training rows {mean} on average, standard deviation {deviation}"
            );
        }
    }
    let missing = problem::missing_classes(&problem.target, training);
    if !missing.is_empty() {
        eprintln!("note     no training row is of {missing:?}: the network cannot learn what these are");
    }
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
        assert!(parse("train --load n --predict r.csv --header yes").is_ok());
        for refused in [
            "--layers 5",
            "t --load n --predict r",
            "--load n",
            "t --predict r",
            "--load n --predict r --seed 2",
            "--load n --predict r --loss l1",
            "--load n --predict r --optimizer sgd",
            "--load n --predict r --notebook",
        ] {
            assert!(parse(&format!("train {refused}")).is_err(), "{refused}");
        }
        for refused in ["--layers 5,0", "--epochs 0", "--batch-size 0", "--test 0", "--kind word", "--header maybe"] {
            assert!(parse(&format!("train t.csv {refused}")).is_err(), "{refused}");
        }
    }
}
