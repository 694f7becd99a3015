use super::*;

fn gpu() -> Gpu {
    Gpu::headless().expect("an adapter")
}

fn sweep(seed: u64) -> Sweep {
    let rates = (0..20).map(|i| 0.05 * (1 + i) as f32).collect();
    let words = format!("a sweep of seed {seed}");
    Sweep {
        hidden: 4,
        rates,
        epochs: 30,
        every: 10,
        seed,
        config: TrainConfig::default(),
        words,
        command: "population".to_owned(),
    }
}

fn part(text: &str) -> Part {
    text.parse().expect("a part")
}

/// The parameters of all networks, from the files of so many parts.
fn parameters(gpu: &Gpu, folder: &Path, of: usize) -> Vec<u32> {
    let parts = (0..of).map(|index| Part { index, of }.done(folder));
    let of_part = |path| Network::load(gpu, path).expect("a part").read_parameters().expect("parameters");
    parts.flat_map(of_part).map(f32::to_bits).collect()
}

#[test]
fn parts_are_read_as_they_are_written_and_cover_all_networks() {
    assert_eq!(part("2/3"), Part { index: 2, of: 3 });
    assert_eq!(part("2/3").to_string(), "2/3");
    for refused in ["3/3", "-1/3", "1", "0/0", "1/x", ""] {
        assert!(refused.parse::<Part>().is_err(), "{refused}");
    }
    for (count, of) in [(20, 3), (7, 7), (3, 5), (1_536, 11)] {
        let all = (0..of).flat_map(|index| Part { index, of }.networks(count));
        assert!(all.eq(0..count));
    }
    assert_eq!(Part::of_file("part-00002-of-00003.safetensors"), Some(part("2/3")));
    assert_eq!(Part::of_file("part-00003-of-00003.safetensors"), None);
    assert_eq!(Part::of_file("best.safetensors"), None);
}

#[test]
fn parts_have_the_bits_of_the_whole_also_after_an_interruption() {
    let (gpu, sweep) = (gpu(), sweep(7));
    let [whole, three] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
    sweep.train(&gpu, part("0/1"), whole.path()).expect("the whole");
    // The second part was interrupted after its first checkpoint.
    let data = Dataset::new(&gpu, &xor::INPUTS, &xor::TARGETS).expect("data");
    let (_, mut trainer) = sweep.begin(&gpu, &data, part("1/3").networks(20)).expect("a part");
    trainer.train(10, |_| ()).expect("ten epochs");
    trainer.save(part("1/3").file(three.path(), "training")).expect("a checkpoint");
    for index in ["0/3", "1/3", "2/3"] {
        sweep.train(&gpu, part(index), three.path()).expect("a part");
    }
    assert!(parameters(&gpu, whole.path(), 1) == parameters(&gpu, three.path(), 3));
    assert!(!part("1/3").file(three.path(), "training").exists());
    // What is there is not made again.
    let written = || fs::metadata(part("0/3").done(three.path())).and_then(|file| file.modified()).expect("a time");
    let before = written();
    sweep.train(&gpu, part("0/3"), three.path()).expect("nothing to do");
    assert_eq!(written(), before);

    let losses = sweep.merge(&gpu, three.path()).expect("all parts");
    assert_eq!(losses.len(), 20);
    let best = Network::load(&gpu, three.path().join("best.safetensors")).expect("the best");
    let lowest = losses.iter().copied().min_by(f32::total_cmp).expect("losses");
    assert!((best.evaluate(&data, Loss::SquaredError).expect("a loss")[0] - lowest).abs() <= 1e-6);
}

#[test]
fn parts_that_are_missing_damaged_or_of_another_sweep_are_named() {
    let (gpu, sweep_) = (gpu(), sweep(7));
    let folder = tempfile::tempdir().expect("a folder");
    let error = |sweep: &Sweep| sweep.merge(&gpu, folder.path()).expect_err("a part is missing").to_string();
    assert!(error(&sweep_).contains("--part I/N"));
    for index in ["0/3", "2/3"] {
        sweep_.train(&gpu, part(index), folder.path()).expect("a part");
    }
    assert!(error(&sweep_).contains("part 1/3 is missing"), "{}", error(&sweep_));
    assert!(error(&sweep_).contains("--part 1/3 --folder"), "{}", error(&sweep_));
    let path = part("2/3").done(folder.path());
    let mut bytes = fs::read(&path).expect("a part");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("a damaged part");
    assert!(error(&sweep_).contains("part 2/3 is missing or damaged"), "{}", error(&sweep_));
    let other = error(&sweep(8));
    assert!(other.contains("part 0/3") && other.contains("another sweep"), "{other}");
    let refused = sweep(8).train(&gpu, part("0/3"), folder.path()).expect_err("another sweep's");
    assert!(refused.to_string().contains("another sweep"), "{refused}");
    // Before there is a part, the folder is a sweep's: its checkpoints are of no other.
    let begun = tempfile::tempdir().expect("a folder");
    sweep_.claim(begun.path()).expect("a folder for a sweep");
    sweep_.claim(begun.path()).expect("for the same one");
    let refused = sweep(8).train(&gpu, part("0/3"), begun.path()).expect_err("another sweep's");
    assert!(refused.to_string().contains("sweep.txt is of another sweep"), "{refused}");
    // A checkpoint of another configuration.
    let data = Dataset::new(&gpu, &xor::INPUTS, &xor::TARGETS).expect("data");
    let momentum = Sweep { config: TrainConfig::adam(), ..sweep(7) };
    let (_, trainer) = momentum.begin(&gpu, &data, part("1/3").networks(20)).expect("a part");
    trainer.save(part("1/3").file(folder.path(), "training")).expect("a checkpoint");
    let refused = sweep_.train(&gpu, part("1/3"), folder.path()).expect_err("another checkpoint");
    assert!(refused.to_string().contains("checkpoint of another sweep"), "{refused}");
    sweep_.train(&gpu, part("0/2"), folder.path()).expect("a part of two");
    assert!(error(&sweep_).contains("several divisions"), "{}", error(&sweep_));
    assert!(
        sweep_.train(&gpu, part("0/30"), folder.path()).expect_err("no network").to_string().contains("no network")
    );
}

/// A part of networks that all diverge is a part like the others: the whole has some that do not.
#[test]
fn a_part_of_networks_that_diverge_is_written() {
    let gpu = gpu();
    // From the second on, each step of this decay takes a weight farther from 0.
    let config = TrainConfig { weight_decay: 10.0, ..TrainConfig::default() };
    let wild = Sweep { rates: vec![0.01, 6.0, 6.0, 6.0], epochs: 100, config, ..sweep(3) };
    let folder = tempfile::tempdir().expect("a folder");
    for index in ["0/2", "1/2"] {
        wild.train(&gpu, part(index), folder.path()).expect("a part");
    }
    let losses = wild.merge(&gpu, folder.path()).expect("losses");
    let are_finite = losses.iter().map(|loss| loss.is_finite()).collect::<Vec<_>>();
    assert_eq!(are_finite, [true, false, false, false]);
    Network::load(&gpu, folder.path().join("best.safetensors")).expect("the only one");
}
