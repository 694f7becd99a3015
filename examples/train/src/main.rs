//! A network for a table of your own: trained on its rows, tested on rows held out, saved, and asked about other rows.
//!
//! | module | what it does |
//! | --- | --- |
//! | `options` | the command line |
//! | `table` | reads a file as a table of text cells |
//! | `column` | decides what the cells of a column are, and turns them into numbers |
//! | `problem` | chooses inputs and target, and what becomes of missing cells |
//! | `split` | the rows held out |
//! | `chosen` | the network and how it is trained |
//! | `scaling` | turns cells into a network's inputs, and its outputs into answers |
//! | `training` | runs the epochs |
//! | `score` | rates the answers |
//! | `note` | saves the scaling in the network's file |
//! | `rows` | reads the rows to predict from |
//! | `answers` | writes the answers as CSV |

mod answers;
mod chosen;
mod column;
#[path = "../../common/mod.rs"]
mod common;
#[cfg(test)]
mod end_to_end;
mod note;
mod options;
mod problem;
mod rows;
mod scaling;
mod score;
mod split;
mod table;
mod training;

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use wgrad::{Activation, Dataset, Gpu, Network, TrainConfig, Trainer};

use crate::chosen::Chosen;
use crate::column::Column;
use crate::common::chart::Chart;
use crate::common::choices;
use crate::common::exit::exit;
use crate::common::options::{rehearse, rehearse_bytes};
use crate::common::say::{note, say};
use crate::options::Options;
use crate::problem::{MissingRows, Problem};
use crate::scaling::{Answers, Scaling, Units};
use crate::score::Score;
use crate::table::{Separator, Table};
use crate::training::Measured;

/// How long the GPU may take for one piece of work: longer than the library's 10 s, which a driver on a busy CPU may
/// need just to compile a shader.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Without `--epochs` a training has at least this many epochs, and at least this many steps.
const LEAST_EPOCHS: u64 = 100;
const LEAST_STEPS: u64 = 2_000;

/// More than a chart of a hundred points takes.
const CHART_BYTES: usize = 1 << 16;

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let (Some(file), Some(rows)) = (&options.load, &options.predict) {
        let gpu = headless()?;
        let (network, scaling) = note::load(&gpu, file)?;
        let answered = predict(&network, &scaling, rows, options, io::stdout().lock())?;
        note(format_args!("network  {}", network.mlp()));
        note(format_args!("adapter  {}", gpu.description()));
        note(format_args!("answers  {answered}"));
        return Ok(());
    }
    let table = options.table.as_ref().ok_or("there is no table to train on")?;
    finish(options, learn(options, table)?)
}

/// Saves the network, prints the score and draws the chart; what fails does not keep the others from being done.
fn finish(options: &Options, learned: Learned) -> Result<(), Box<dyn Error>> {
    let saved = options.save.as_ref().map(|path| note::save(&learned.network, &learned.scaling, path));
    let scored = say!("\n{}", learned.score.report(learned.about));
    let drawn = options.plot.as_ref().zip(learned.chart).map(|(path, chart)| chart.save(path));
    let mut failures = saved.and_then(Result::err).map(|error| error.to_string()).into_iter().collect::<Vec<_>>();
    failures.extend(drawn.and_then(Result::err).map(|error| error.to_string()));
    if !failures.is_empty() {
        return Err(failures.join("\nerror: ").into());
    }
    scored?;
    for path in [&options.save, &options.plot].into_iter().flatten() {
        note(format_args!("written  {}", path.display()));
    }
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
    options: &Options,
    to: impl io::Write,
) -> Result<usize, Box<dyn Error>> {
    let filled = match options.columns.missing_rows {
        Some(MissingRows::Drop) => return Err("--missing-rows drop is for training: every row gets an answer".into()),
        Some(MissingRows::Mean) => true,
        None => scaling.missing.filled,
    };
    let mut format = options.format.clone();
    format.missing.extend(scaling.missing.words.iter().cloned());
    let (table, columns) = rows::read(path, &format, scaling, filled)?;
    table.notes.iter().for_each(|text| note(format_args!("note     {text}")));
    let columns = columns.iter().map(Vec::as_slice).collect::<Vec<_>>();
    let rows = (0..table.rows()).collect::<Vec<_>>();
    let outputs = answers::outputs_of(network, &scaling.inputs_of(&columns, &rows))?;
    let are_probabilities = network.mlp().layers().last().is_some_and(|last| last.activation == Activation::Softmax);
    answers::write(scaling, are_probabilities, &outputs, to)?;
    Ok(rows.len())
}

/// A trained network.
struct Learned {
    network: Network,
    scaling: Scaling,
    score: Score,
    /// Which rows were scored.
    about: &'static str,
    chart: Option<Chart>,
}

/// Trains a network, and scores it on the rows held out; on those trained on, if there are no others.
fn learn(options: &Options, path: &Path) -> Result<Learned, Box<dyn Error>> {
    let table = Table::read(path, &options.format)?;
    let problem = Problem::new(&table, &options.columns)?;
    let [training, held_out] = split::split(problem.rows, options.test, options.seed)?;
    let chosen = Chosen::new(options, &problem.target)?;
    let scaling = Scaling::new(&problem, &training, chosen.is_bounded())?;
    let (mlp, about_layers) = chosen.network(&scaling, &options.layers);
    describe_table(&table, &problem, [training.len(), held_out.len()])?;
    drop(table);
    describe_columns(&problem, &scaling, &training)?;

    let gpu = headless()?;
    let columns = problem.inputs.iter().map(|column| column.cells.as_slice()).collect::<Vec<_>>();
    // Rows without a target were left out.
    let cells = |rows: &[usize]| rows.iter().filter_map(|&row| problem.target.cells[row]).collect::<Vec<_>>();
    let targets = problem.target.cells.iter().copied().map(Option::unwrap_or_default).collect::<Vec<_>>();
    let targets_of = |rows: &[usize]| scaling.targets_of(&targets, rows, chosen.class_targets());
    let samples = |rows: &[usize]| [scaling.inputs_of(&columns, rows), targets_of(rows)];
    let [inputs, outputs] = samples(&training);
    let data = Dataset::from_slices(&gpu, training.len(), &inputs, &outputs)?;
    let network = Network::new(&gpu, &mlp, options.seed)?;
    let config = TrainConfig { batch_size: options.batch_size.min(training.len()), ..chosen.config.clone() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    say!("network  {mlp}, {} parameters; {about_layers}", mlp.parameter_count())?;
    say!("training {}, batches of {}", choices::described(trainer.config()), trainer.config().batch_size)?;
    say!("plan     {}", trainer.plan())?;
    say!("adapter  {}", gpu.description())?;
    // What cannot be written is found before the training.
    options
        .save
        .as_ref()
        .map(|path| rehearse(path, |beside| Ok(note::save(&network, &scaling, beside)?)))
        .transpose()?;
    options.plot.as_ref().map(|path| rehearse_bytes(path, CHART_BYTES)).transpose()?;

    let (scored, about) = match held_out.is_empty() {
        true => (&training, "trained on all"),
        false => (&held_out, "held out"),
    };
    let [inputs, outputs] = samples(scored);
    let (training, scored) = (cells(&training), cells(scored));
    let score = || -> wgrad::Result<_> {
        let answers = answers::outputs_of(&network, &inputs)?;
        Ok((Score::new(&scaling, &answers, &scored, &training), answers))
    };
    let measure = || {
        let (score, answers) = score()?;
        let loss = score::loss(chosen.config.loss, chosen.last, &answers, &outputs, scored.len())?;
        Ok(Measured { loss, accuracy: score.accuracy() })
    };
    let measure = (options.plot.is_some() && !held_out.is_empty()).then_some(measure);
    let epochs = options.epochs.unwrap_or_else(|| LEAST_STEPS.div_ceil(trainer.steps_per_epoch()).max(LEAST_EPOCHS));
    let trained = training::train(&mut trainer, epochs, options.plot.is_some(), measure)?;
    // The network is worth more than this line.
    _ = say!("trained  {epochs} epochs in {:.2} s, loss {:.6}", trained.seconds, trained.loss);
    let (score, _) = score()?;
    Ok(Learned { network, scaling, score, about, chart: trained.chart })
}

fn describe_table(table: &Table, problem: &Problem, [to_train, to_test]: [usize; 2]) -> io::Result<()> {
    let separated = match table.separator {
        Separator::Character(b',') => String::new(),
        other => format!(", fields separated by {:?}", other.to_string()),
    };
    let held_out = if to_test == 0 { "none".to_owned() } else { to_test.to_string() };
    say!("table    {}: {} rows, {to_train} to train on, {held_out} held out{separated}", table.path, problem.rows)?;
    if !problem.named {
        say!("header   none: the columns are \"column 1\", \"column 2\" and so on")?;
    }
    table.notes.iter().chain(&problem.notes).for_each(|text| note(format_args!("note     {text}")));
    if to_test == 0 {
        note("note     no row is held out: how good the network is on other rows is not known");
    }
    Ok(())
}

fn describe_columns(problem: &Problem, scaling: &Scaling, training: &[usize]) -> io::Result<()> {
    let word_columns = problem.inputs.iter().filter(|column| column.words.is_some()).count();
    let number_columns = problem.inputs.len() - word_columns;
    let width = scaling.input_width();
    say!("inputs   {width} per row; columns of numbers: {number_columns}, of words: {word_columns}")?;
    let Column { name, .. } = &problem.target;
    match &scaling.target.answers {
        Answers::Classes(classes) => say!("target   {name:?}, one of {} classes", classes.len())?,
        &Answers::Numbers(Units::Range { low, high }) => {
            let [low, high] = [low, high].map(score::figures);
            say!("target   {name:?}, a number from {low} to {high} in the training rows")?;
        }
        &Answers::Numbers(Units::Standard { mean, deviation }) => {
            let [mean, deviation] = [mean, deviation].map(score::figures);
            say!(
                "target   {name:?}, a number; in the training rows {mean} on average, standard deviation {deviation}"
            )?;
        }
    }
    let missing = problem::missing_classes(&problem.target, training);
    if !missing.is_empty() {
        note(format_args!("note     no training row is of {missing:?}: the network cannot learn what these are"));
    }
    Ok(())
}
