//! The program on several ranks: started by `mpirun`, on this machine, one thread of a software driver each.

mod common;

use std::time::Duration;

use common::*;
use wgrad::{Gpu, Network};

/// Sixteen steps, of which the last of each epoch is smaller; a checkpoint every three.
const TRAIN: &str = "train --drawn 203 --test 20 --hidden 12 --batch-size 64 --epochs 4 --every 3";
const STEPS: u64 = 16;

/// How much longer than an uninterrupted run all may take to end after one has died.
const LONGEST_END: Duration = Duration::from_secs(30);

#[test]
fn a_population_has_the_same_bits_on_any_number_of_ranks() {
    let Some(mpi) = Mpi::find() else { return };
    let of_ranks = (1..=4).map(|ranks| {
        let folder = folder();
        let [losses, best] = ["losses.csv", "best"].map(|name| folder.path().join(name));
        let paths = format!("--losses {} --save {}", losses.display(), best.display());
        let ended = mpi.run(ranks, &format!("sweep --networks 22 --epochs 60 --hidden 4 {paths}"));
        assert!(ended.is_ok, "{ended:?}");
        let hash = ended.printed.split("have the hash ").nth(1).and_then(|rest| rest.lines().next().map(str::to_owned));
        (hash.expect("a hash"), std::fs::read(losses).expect("losses"), tensors(&best))
    });
    let of_ranks = of_ranks.collect::<Vec<_>>();
    assert_eq!(of_ranks[0].1.iter().filter(|&&byte| byte == b'\n').count(), 1 + 22);
    assert!(of_ranks.iter().all(|of| *of == of_ranks[0]));
}

#[test]
fn a_sweep_that_was_killed_goes_on_with_the_same_bits() {
    let Some(mpi) = Mpi::find() else { return };
    let sweep = "sweep --networks 22 --epochs 60 --hidden 4 --every 20";
    let hash = |ended: &Ended| {
        assert!(ended.is_ok, "{ended:?}");
        ended.line("networks").to_owned()
    };
    let expected = hash(&mpi.run(3, sweep));
    let folder = folder();
    let kept = format!("{sweep} --folder {}", folder.path().display());
    // When the others have written their second checkpoint, or are about to.
    assert!(!mpi.run(3, &format!("{kept} --fault dies@1@40")).is_ok);
    let resumed = mpi.run(3, &kept);
    assert!(resumed.line("resumed").contains("after 20 epochs"), "{resumed:?}");
    assert_eq!(hash(&resumed), expected);
    // At the end there is nothing left to do; and the folder is of this sweep alone.
    assert_eq!(hash(&mpi.run(3, &kept)), expected);
    for (ranks, other, named) in [(2, kept.clone(), "by 3 ranks"), (3, format!("{kept} --seed 2"), "another training")]
    {
        let refused = mpi.run(ranks, &other);
        assert!(!refused.is_ok && refused.said.contains(named), "{named}: {refused:?}");
    }
}

/// A rank all of whose networks diverge: its rates are the highest.
#[test]
fn a_sweep_with_a_rank_whose_networks_all_diverge_goes_on_too() {
    let Some(mpi) = Mpi::find() else { return };
    let folder = folder();
    let sweep =
        "sweep --networks 4 --epochs 60 --hidden 4 --every 20 --optimizer sgd --learning-rate 0.2 --weight-decay 10";
    let sweep = format!("{sweep} --folder {}", folder.path().display());
    assert!(!mpi.run(2, &format!("{sweep} --fault dies@0@40")).is_ok);
    let resumed = mpi.run(2, &sweep);
    assert!(resumed.is_ok && resumed.line("resumed").contains("after 20 epochs"), "{resumed:?}");
    assert!(resumed.line("networks").contains("2 have diverged"), "{resumed:?}");
    let none =
        mpi.run(2, "sweep --networks 4 --epochs 60 --hidden 4 --optimizer sgd --learning-rate 100 --weight-decay 10");
    assert!(!none.is_ok && none.said.contains("all networks have diverged"), "{none:?}");
}

#[test]
fn ranks_train_one_network_as_one_rank_does_but_for_rounding() {
    let Some(mpi) = Mpi::find() else { return };
    let gpu = gpu();
    // Batches of which the last is smaller; and one that is larger than all samples, so that no rank has a whole one.
    for (samples, batch, steps) in [(203, 64, 12), (50, 64, 3)] {
        let train = |ranks| {
            let folder = folder();
            let train = format!("train --drawn {samples} --test 20 --hidden 12 --batch-size {batch} --epochs 3");
            let ended = mpi.run(ranks, &format!("{train} --folder {}", folder.path().display()));
            assert!(ended.is_ok, "{ended:?}");
            let parameters = |rank| {
                let path = folder.path().join(checkpoint(steps, rank, ranks));
                Network::load(&gpu, path).and_then(|network| network.read_parameters()).expect("parameters")
            };
            let first = parameters(0);
            assert!((1..ranks).all(|rank| bits(&parameters(rank)) == bits(&first)), "{ranks} ranks are not the same");
            (first, ended.line("epoch 3/3").to_owned())
        };
        let (alone, said) = train(1);
        let loss = |said: &str| number_after(said, "loss ");
        for ranks in 2..=4 {
            let (together, also_said) = train(ranks);
            let distance = distance(&together, &alone);
            assert!(distance < 1e-4, "{ranks} ranks, {samples} samples: {distance}");
            assert!((loss(&said) - loss(&also_said)).abs() < 2e-3, "{said} of one rank, {also_said} of {ranks}");
        }
    }
}

#[test]
fn a_training_that_was_killed_goes_on_with_the_same_bits() {
    let Some(mpi) = Mpi::find() else { return };
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time").subsec_nanos() as u64;
    for ranks in [2, 3] {
        let whole = folder();
        let uninterrupted = mpi.run(ranks, &format!("{TRAIN} --folder {}", whole.path().display()));
        assert!(uninterrupted.is_ok, "{uninterrupted:?}");
        // At a step that is another one each time; before or after one rank has written its checkpoint.
        let random = format!("dies@{}@{}", now as usize % ranks, 1 + now / 7 % STEPS);
        for fault in [&random, "unwritten@1@3", "written@0@9"] {
            let folder = folder();
            let train = format!("{TRAIN} --folder {}", folder.path().display());
            let killed = mpi.run(ranks, &format!("{train} --fault {fault}"));
            assert!(!killed.is_ok, "{fault}: {killed:?}");
            assert!(killed.took < uninterrupted.took + LONGEST_END, "{fault}: {:?}", killed.took);
            let resumed = mpi.run(ranks, &train);
            assert!(resumed.is_ok, "{fault}: {resumed:?}");
            assert_eq!(resumed.line("epoch 4/4"), uninterrupted.line("epoch 4/4"), "{fault}");
            for rank in 0..ranks {
                let [found, expected] =
                    [&folder, &whole].map(|folder| tensors(&folder.path().join(checkpoint(STEPS, rank, ranks))));
                assert!(found == expected, "{fault}: rank {rank} of {ranks} has other bits");
            }
        }
    }
}

/// Ranks on machines that share no folder.
#[test]
fn each_rank_may_have_a_folder_of_its_own() {
    let Some(mpi) = Mpi::find() else { return };
    let folders = [folder(), folder()];
    let trains = folders.each_ref().map(|folder| format!("{TRAIN} --folder {}", folder.path().display()));
    let killed = trains.each_ref().map(|train| format!("{train} --fault dies@1@11"));
    assert!(!mpi.run_groups(&[(1, "", &killed[0]), (1, "", &killed[1])]).is_ok);
    let resumed = mpi.run_groups(&[(1, "", &trains[0]), (1, "", &trains[1])]);
    assert!(resumed.is_ok && resumed.line("resumed").contains("after 9 steps"), "{resumed:?}");
    for (rank, folder) in folders.iter().enumerate() {
        let kept = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(kept, if rank == 0 { 3 } else { 2 }, "two steps, and `latest` for the first rank");
        assert!(folder.path().join(checkpoint(STEPS, rank, 2)).exists());
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let Some(mpi) = Mpi::find() else { return };
    let folder = folder();
    let train = format!("{TRAIN} --folder {}", folder.path().display());
    assert!(!mpi.run(2, &format!("{train} --fault dies@0@11")).is_ok);
    let kept = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(kept, 3, "two steps and `latest`");
    damage(&folder.path().join(checkpoint(9, 1, 2)));
    let resumed = mpi.run(2, &format!("{train} --fault dies@0@8"));
    assert!(resumed.line("resumed").contains("after 6 steps"), "{resumed:?}");
    damage(&folder.path().join(checkpoint(6, 0, 2)));
    let refused = mpi.run(2, &train);
    assert!(!refused.is_ok);
    for named in ["no checkpoint", "rank 0: ", &checkpoint(6, 0, 2), "rank 1: ", &checkpoint(9, 1, 2)] {
        assert!(refused.said.contains(named), "{named}: {refused:?}");
    }
}

#[test]
fn what_goes_wrong_on_one_rank_ends_all_and_is_named() {
    let Some(mpi) = Mpi::find() else { return };
    let expect = |ended: Ended, named: &str| {
        assert!(!ended.is_ok && ended.said.contains(named), "{named}: {ended:?}");
        assert!(ended.took < 2 * LONGEST_END, "{named}: {:?}", ended.took);
    };
    expect(mpi.run(3, &format!("{TRAIN} --fault fails@1@5")), "rank 1 of 3: the sum of step 5 failed on purpose");
    let parted = mpi.run(3, &format!("{TRAIN} --fault differs@2@1"));
    expect(parted, "the parameters after step 1 are not those of rank 0 on rank 2");
    let folder = folder();
    let parted = mpi.run(2, &format!("{TRAIN} --folder {} --fault differs@1@4", folder.path().display()));
    expect(parted, "the parameters after step 6 are not those of rank 0 on rank 1");
    assert!(!folder.path().join(checkpoint(6, 0, 2)).exists(), "what is parted is not kept");
    let without_device = "env WGPU_BACKEND=vulkan VK_DRIVER_FILES=/none VK_ICD_FILENAMES=/none";
    for task in [TRAIN, "sweep --networks 4 --epochs 5"] {
        expect(mpi.run_groups(&[(1, "", task), (1, without_device, task)]), "rank 1 of 2: no GPU adapter");
    }
    expect(mpi.run(1, &format!("{TRAIN} --save /none/network")), "/none/network cannot be written");
}

#[test]
fn ranks_that_were_started_otherwise_are_refused() {
    let Some(mpi) = Mpi::find() else { return };
    let sweep = "sweep --networks 3 --epochs 5";
    for (first, other, named) in [
        (TRAIN, format!("{TRAIN} --seed 2"), "seed 2"),
        (TRAIN, TRAIN.replace("--hidden 12", "--hidden 13"), "linear 13"),
        (TRAIN, TRAIN.replace("--drawn 203", "--drawn 204"), "samples 204"),
        (TRAIN, TRAIN.replace("--batch-size 64", "--batch-size 63"), "of 63"),
        (TRAIN, format!("{TRAIN} --learning-rate 0.5"), "learning rate 0.5"),
        (TRAIN, TRAIN.replace("--epochs 4", "--epochs 5"), "5 epochs"),
        (sweep, sweep.replace("--networks 3", "--networks 4"), "4 networks"),
    ] {
        let ended = mpi.run_groups(&[(2, "", first), (1, "", &other)]);
        assert!(!ended.is_ok, "{ended:?}");
        assert!(ended.said.contains("rank 2 was not started as rank 0 was") && ended.said.contains(named), "{ended:?}");
        assert_eq!(ended.said.matches("error: ").count(), 1, "one says it: {ended:?}");
    }
    let refused = |ranks, arguments: &str, named: &str| {
        let ended = mpi.run(ranks, arguments);
        assert!(!ended.is_ok && ended.said.contains(named), "{named}: {ended:?}");
    };
    refused(4, sweep, "4 ranks, but 3 networks");
    refused(4, "train --drawn 3", "4 ranks, but 3 samples");
    refused(4, &TRAIN.replace("64", "3"), "4 ranks, but batches of 3");
    let folder = folder();
    let train = format!("{TRAIN} --folder {}", folder.path().display());
    assert!(!mpi.run(2, &format!("{train} --fault dies@1@5")).is_ok);
    refused(3, &train, "a training by 2 ranks, and these are 3");
    refused(2, &format!("{train} --seed 2"), "another training");
}

/// Pictures with a light row where their label says, in the files of MNIST's kind.
#[test]
fn digits_are_read_from_files() {
    let Some(mpi) = Mpi::find() else { return };
    let folder = folder();
    let labels = (0..60).map(|i| i % 10).collect::<Vec<u8>>();
    let row = |label: u8, i: usize| if i / 28 == 2 * usize::from(label) + 4 { 255 } else { 0 };
    let pixels = labels.iter().flat_map(|&label| (0..784).map(move |i| row(label, i))).collect::<Vec<u8>>();
    let idx = |sizes: &[u32], bytes: &[u8]| {
        let start = [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes.iter().flat_map(|size| size.to_be_bytes()));
        start.chain(bytes.iter().copied()).collect::<Vec<_>>()
    };
    let [images, labels_file] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&images, idx(&[60, 28, 28], &pixels)).expect("a file");
    std::fs::write(&labels_file, idx(&[60], &labels)).expect("a file");
    let train = |test: u32| {
        let files = format!("--images {} --labels {} --test {test}", images.display(), labels_file.display());
        mpi.run(2, &format!("train {files} --hidden 12 --batch-size 20 --epochs 60 --learning-rate 0.01"))
    };
    let ended = train(10);
    assert!(ended.is_ok && ended.line("epoch 60/60").ends_with("accuracy 1.0000"), "{ended:?}");
    assert!(ended.line("digits").contains("50, images, the last 10 held out"), "{ended:?}");
    assert!(!train(60).is_ok && train(60).said.contains("leaves none to train on"));
}

#[test]
fn without_mpirun_it_is_one_rank() {
    if Mpi::find().is_none() {
        return;
    }
    let ended = alone("sweep --networks 3 --epochs 5");
    assert!(ended.is_ok && ended.line("ranks").contains('1'), "{ended:?}");
    let ended = alone(&format!("{TRAIN} --fault fails@0@2"));
    assert!(!ended.is_ok && ended.said.contains("error: the sum of step 2 failed on purpose"), "{ended:?}");
}

fn gpu() -> Gpu {
    Gpu::headless().expect("an adapter")
}
