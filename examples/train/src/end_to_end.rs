//! Tables that are learned, saved, loaded and predicted from, on this machine's adapter.

use std::fmt::Write;
use std::path::Path;

use clap::Parser;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::options::Options;
use crate::score::Score;
use crate::{Learned, finish, headless, learn, note, predict};

fn options(table: &Path, network: &Path, more: &str) -> Options {
    let paths = [table, network].map(|path| path.display().to_string());
    let arguments = ["train", &paths[0], "--save", &paths[1], "--layers", "8"];
    Options::try_parse_from(arguments.into_iter().chain(more.split_whitespace())).unwrap()
}

/// Options that predict the rows of a file.
fn asking(more: &str) -> Options {
    let arguments = ["train", "--load", "n", "--predict", "r"];
    Options::try_parse_from(arguments.into_iter().chain(more.split_whitespace())).unwrap()
}

/// Trains and saves a network.
fn train(table: &Path, network: &Path, more: &str) -> Result<Learned, String> {
    let options = options(table, network, more);
    let learned = learn(&options, table).map_err(|error| error.to_string())?;
    note::save(&learned.network, &learned.scaling, network).unwrap();
    Ok(learned)
}

/// Trains on a table, and predicts its rows before and after saving.
fn train_and_ask(table: &str, more: &str) -> (Score, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path] = ["table.csv", "net.safetensors"].map(|name| folder.path().join(name));
    std::fs::write(&path, table).unwrap();
    let Learned { network, scaling, score, .. } = train(&path, &network_path, more).unwrap();
    let mut answers = Vec::new();
    predict(&network, &scaling, &path, &asking(""), &mut answers).unwrap();

    let (loaded, loaded_scaling) = note::load(&headless().unwrap(), &network_path).unwrap();
    assert_eq!(loaded_scaling, scaling);
    let mut loaded_answers = Vec::new();
    predict(&loaded, &loaded_scaling, &path, &asking(""), &mut loaded_answers).unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers, String::from_utf8(loaded_answers).unwrap());
    (score, answers.lines().map(str::to_owned).collect())
}

#[test]
fn classes_are_learned_and_a_saved_network_answers_the_same() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut table = "x,colour,kind,y\n".to_owned();
    for _ in 0..200 {
        let (x, y) = (random.random_range(-100.0..100.0), random.random_range(0.0..0.01));
        let colour = if random.random() { "red" } else { "light green" };
        let kind = if x > 30.0 {
            "far, right"
        } else if colour == "red" {
            "red"
        } else {
            "other"
        };
        writeln!(table, "{x},{colour},\"{kind}\",{y}").unwrap();
    }
    for more in ["", "--notebook --learning-rate 1"] {
        classes_are_learned(&table, &format!("--target kind --epochs 60 {more}"));
    }
}

fn classes_are_learned(table: &str, more: &str) {
    let (score, answers) = train_and_ask(table, more);
    assert_eq!(train_and_ask(table, more), (score.clone(), answers.clone()), "a seed means the same answers");
    assert!(score.accuracy().is_some_and(|accuracy| accuracy >= 0.85), "{}", score.report("held out"));
    let output = if more.contains("notebook") { "output" } else { "p" };
    assert_eq!(answers[0], format!("kind,\"{output}(far, right)\",{output}(other),{output}(red)"));
    let right = answers.iter().zip(table.lines()).skip(1).filter(|(answer, row)| {
        let kind = ["\"far, right\"", "other", "red"].iter().position(|kind| answer.starts_with(kind));
        let expected = ["\"far, right\"", "\"other\"", "\"red\""].iter().position(|kind| row.contains(kind));
        kind.is_some() && kind == expected
    });
    assert!(right.count() >= 180);
    assert_eq!(answers.len(), 201);
    if !more.contains("notebook") {
        // Each line ends with three probabilities.
        for answer in &answers[1..] {
            let sum = answer.rsplit(',').take(3).map(|number| number.parse::<f64>().unwrap()).sum::<f64>();
            assert!((sum - 1.0).abs() < 1e-5, "{answer}");
        }
    }
}

#[test]
fn numbers_are_learned_in_their_own_units_without_a_header() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut points = (0..200).map(|_| [(); 2].map(|()| random.random_range(-2.0..2.0f64))).collect::<Vec<_>>();
    points.push([0.5, -0.5]);
    let price = |[a, b]: &[f64; 2]| 5_000.0 + 1_000.0 * a - 300.0 * b * b;
    let table = points.iter().map(|point| format!("{},{},{}\n", price(point), point[0], point[1])).collect::<String>();
    for more in ["", "--activation tanh --loss huber(1) --optimizer adamw", "--notebook --learning-rate 1"] {
        let more = format!("--target first --epochs 300 --batch-size 8 --test 40 {more}");
        numbers_are_learned(&table, &more, price);
    }
}

fn numbers_are_learned(table: &str, more: &str, price: impl Fn(&[f64; 2]) -> f64) {
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path] = ["table.csv", "net.safetensors"].map(|name| folder.path().join(name));
    std::fs::write(&path, table).unwrap();
    let Learned { network, scaling, score, .. } = train(&path, &network_path, more).unwrap();
    let Score::Numbers { network: fit, baseline, .. } = score else { panic!("{score:?}") };
    assert!(
        fit.r_squared.unwrap() > 0.85 && fit.error < 450.0 && baseline.error > 800.0,
        "{}",
        score.report("held out")
    );

    // Columns by position, without the target; the loaded network answers the same.
    let rows = folder.path().join("rows.csv");
    std::fs::write(&rows, "0.5,-0.5\n-1,1\n").unwrap();
    let one_row = folder.path().join("row.csv");
    std::fs::write(&one_row, "-1,1\n").unwrap();
    let (loaded, loaded_scaling) = note::load(&headless().unwrap(), &network_path).unwrap();
    let asked = |network, scaling, rows| {
        let mut answers = Vec::new();
        predict(network, scaling, rows, &asking(""), &mut answers).unwrap();
        String::from_utf8(answers).unwrap()
    };
    let text = asked(&network, &scaling, &rows);
    assert_eq!(asked(&loaded, &loaded_scaling, &rows), text);
    let lines = text.lines().collect::<Vec<_>>();
    // A row alone gets the same answer as among others.
    assert_eq!(asked(&loaded, &loaded_scaling, &one_row), format!("{}\n{}\n", lines[0], lines[2]));
    assert_eq!((lines.len(), lines[0]), (3, "column 1"));
    for (line, point) in lines[1..].iter().zip([[0.5, -0.5], [-1.0, 1.0]]) {
        let answer = line.parse::<f64>().unwrap();
        assert!((answer - price(&point)).abs() < 800.0, "{answer} {}", price(&point));
    }
}

#[test]
fn tables_with_nothing_to_learn_are_refused_in_one_line_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path] = ["table.csv", "net.safetensors"].map(|name| folder.path().join(name));
    let refused = |table: &str, more: &str| {
        std::fs::write(&path, table).unwrap();
        let error = train(&path, &network_path, more).map(drop).unwrap_err();
        assert!(!error.contains('\n') && !network_path.exists(), "{error}");
        error
    };
    assert!(refused("a,b\n1,2\n", "").contains("1 row"));
    assert!(refused("a,b\n1,2\n2,3\n", "--test 2").contains("leaves none"));
    assert!(refused("a,b\n1,2\n2,2\n3,2\n", "--kind number").contains("\"b\" is 2 in all 2 training rows"));
    assert!(refused("a,b\n1,x\n2,x\n3,x\n", "").contains("\"b\" is \"x\" in all 2 training rows"));
    assert!(refused("a,b\n1,2\n2,3\n", "--target c").contains("no column \"c\""));
    assert!(refused("a,b\n1,2\n2,\n", "").contains("the first in line 3"));
    let number = "a,b\n1,2.5\n2,3.5\n3,1.5\n";
    assert!(refused(number, "--loss cross_entropy").contains("the target \"b\" is a number"));
    assert!(refused(number, "--activation softmax").contains("only the last layer can have a softmax"));
    assert!(refused(number, "--learning-rate inf").contains("finite"));
    assert!(refused(number, "--optimizer adam(1,0.999,1e-8)").contains("β₁"));
    assert!(refused(number, "--loss huber(-1)").contains("delta"));
}

/// Text in which one column is the number of a row, as `format` writes it, and the last is twice that.
fn twice(rows: usize, header: &str, format: impl Fn(usize, f64) -> String) -> String {
    let rows = (0..rows).map(|row| format(row, ((row * 37) % 50) as f64 / 2.0) + "\n");
    rows.fold(header.to_owned() + "\n", |text, row| text + &row)
}

#[test]
fn the_same_table_gives_the_same_network_in_every_dialect() {
    let comma = |number: f64| number.to_string().replace('.', ",");
    let plain = twice(60, "x,kind,y", |row, x| format!("{x},{},{}", ["a", "b"][row % 2], 2.0 * x));
    let (score, answers) = train_and_ask(&plain, "");
    assert!(matches!(score, Score::Numbers { network, .. } if network.r_squared > Some(0.98)), "{score:?}");
    for text in [
        twice(60, "x;kind;y", |row, x| format!("{};{};{}", comma(x), ["a", "b"][row % 2], comma(2.0 * x))),
        twice(60, "x  kind\t y", |row, x| format!("{x}   {}\t{}", ["a", "b"][row % 2], 2.0 * x)),
        plain.replace(',', "\t"),
        plain.replace('\n', "\r"),
        plain.replace('\n', "\r\n\r\n"),
    ] {
        assert_eq!(train_and_ask(&text, ""), (score.clone(), answers.clone()), "{}", &text[..30]);
    }
}

#[test]
fn missing_cells_are_left_out_or_get_means_and_so_do_those_of_rows_to_predict() {
    let text = twice(60, "x,kind,y", |row, x| match row {
        0 => format!("NA,a,{}", 2.0 * x),
        7 => format!("{x},,{}", 2.0 * x),
        9 => format!("{x},b,NA"),
        _ => format!("{x},{},{}", ["a", "b"][row % 2], 2.0 * x),
    });
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path, rows] = ["t.csv", "n.safetensors", "r.csv"].map(|name| folder.path().join(name));
    std::fs::write(&path, text).unwrap();
    std::fs::write(&rows, "x,kind\n,a\n3,NA\n").unwrap();
    let error = train(&path, &network_path, "--missing NA").map(drop).unwrap_err();
    assert!(error.contains("3 of 60 rows") && error.contains("\"x\", \"kind\", \"y\""), "{error}");
    for (more, kept, is_filled) in [("drop", 57, false), ("mean", 59, true)] {
        let more = format!("--missing NA --test 9 --missing-rows {more}");
        let Learned { network, scaling, score, .. } = train(&path, &network_path, &more).unwrap();
        let Score::Numbers { rows: 9, network: fit, .. } = score else { panic!("{score:?}") };
        assert!(fit.r_squared > Some(0.9), "{kept} {fit:?}");
        let mut answers = Vec::new();
        let asked = predict(&network, &scaling, &rows, &asking(""), &mut answers);
        assert_eq!(asked.is_ok(), is_filled, "{asked:?}");
        let asked = predict(&network, &scaling, &rows, &asking("--missing-rows mean"), &mut answers);
        assert_eq!(asked.unwrap(), 2);
        assert!(predict(&network, &scaling, &rows, &asking("--missing-rows drop"), &mut answers).is_err());
    }
}

#[test]
fn all_rows_can_be_trained_on_and_are_then_scored_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path] = ["xor.csv", "n.safetensors"].map(|name| folder.path().join(name));
    std::fs::write(&path, "0,0,0\n0,1,1\n1,0,1\n1,1,0\n").unwrap();
    let learned = train(&path, &network_path, "--test 0 --kind class").unwrap();
    assert_eq!((learned.score.accuracy(), learned.about), (Some(1.0), "trained on all"));
    let Score::Numbers { network, rows: 4, .. } = train(&path, &network_path, "--test 0").unwrap().score else {
        panic!()
    };
    assert!(network.r_squared > Some(0.99), "{network:?}");
}

#[test]
fn what_cannot_be_written_is_found_before_the_training_and_nothing_else_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [path, network_path] = ["xor.csv", "n.safetensors"].map(|name| folder.path().join(name));
    std::fs::write(&path, "0,0,0\n0,1,1\n1,0,1\n1,1,0\n").unwrap();
    for wrong in ["", "no/such/folder.svg"] {
        let plot = folder.path().join(wrong).display().to_string();
        let error = learn(&options(&path, &network_path, &format!("--test 0 --plot {plot}")), &path).map(drop);
        assert!(error.unwrap_err().to_string().contains("cannot be written"));
    }
    let chart = folder.path().join("c.svg");
    let options = options(&path, &network_path, &format!("--test 0 --plot {}", chart.display()));
    let learned = learn(&options, &path).unwrap();
    assert!(!chart.exists() && !network_path.exists());
    // Meanwhile something else took the chart's place.
    std::fs::create_dir(&chart).unwrap();
    assert!(finish(&options, learned).is_err());
    assert!(network_path.exists());
}
