//! Several trainers as one: their gradients are summed between the pass backward and the update.

mod common;

use std::sync::{Barrier, Mutex};

use common::case::*;
use common::*;
use wgrad::{Dataset, Error, Gpu, HashGrid, Loss, Mlp, Network, Optimizer, Plan, TrainConfig, Trainer};

/// What threads exchange: each one's numbers, which all add up in the same order.
struct Exchange {
    barrier: Barrier,
    numbers: Mutex<Vec<Vec<f32>>>,
}

impl Exchange {
    fn new(ranks: usize) -> Self {
        Exchange { barrier: Barrier::new(ranks), numbers: Mutex::new(vec![Vec::new(); ranks]) }
    }

    fn all_reduce(&self, rank: usize, numbers: &mut [f32]) {
        self.numbers.lock().unwrap()[rank] = numbers.to_vec();
        self.barrier.wait();
        let all = self.numbers.lock().unwrap().clone();
        assert!(all.iter().all(|of_rank| of_rank.len() == numbers.len()));
        for (i, number) in numbers.iter_mut().enumerate() {
            *number = all.iter().map(|of_rank| of_rank[i]).sum();
        }
        self.barrier.wait();
    }
}

/// A part of the samples, and the size of its batches.
#[derive(Clone, Copy)]
struct Shard {
    samples: usize,
    batch_size: usize,
}

/// Two uneven parts, whose last batches are uneven too; and three, of which one has fewer samples than another's batch.
const SHARDS: [&[Shard]; 2] = [
    &[Shard { samples: 50, batch_size: 16 }, Shard { samples: 23, batch_size: 7 }],
    &[
        Shard { samples: 30, batch_size: 30 },
        Shard { samples: 3, batch_size: 3 },
        Shard { samples: 65, batch_size: 65 },
    ],
];

struct Job {
    mlp: Mlp,
    config: TrainConfig,
}

fn jobs() -> Vec<Job> {
    let small = || Mlp::inputs(2).linear(9).bias().tanh();
    let grid = HashGrid { levels: 3, table_log2: 6, base_resolution: 4, ..Default::default() };
    let adam = || TrainConfig { learning_rate: 0.01, ..TrainConfig::adam() };
    vec![
        Job { mlp: Mlp::inputs(2).linear(9).sigmoid().linear(3).sigmoid(), config: TrainConfig::default() },
        Job {
            mlp: small().linear(3),
            config: TrainConfig {
                loss: Loss::CrossEntropy { label_smoothing: 0.1 },
                weight_decay: 0.01,
                clip_norm: Some(0.3),
                average: Some(0.9),
                ..adam()
            },
        },
        Job {
            mlp: small().linear(3).bias(),
            config: TrainConfig {
                loss: Loss::Huber { delta: 0.2 },
                optimizer: Optimizer::momentum(0.9),
                learning_rate: 0.05,
                frozen: vec![0],
                ..Default::default()
            },
        },
        Job { mlp: Mlp::inputs(2).frequency(3).linear(8).relu().linear(3), config: adam() },
        Job { mlp: Mlp::inputs(2).hash_grid(grid).linear(8).relu().linear(3), config: adam() },
    ]
}

/// The samples of a part: inputs and targets.
fn samples(rank: usize, shard: Shard) -> [Vec<f32>; 2] {
    [uniform(10 + rank as u64, 2 * shard.samples), targets(20 + rank as u64, 3 * shard.samples)]
}

/// The samples of all parts, batch after batch, and the size of a joined batch.
fn joined(shards: &[Shard]) -> ([Vec<f32>; 2], Shard) {
    let parts = shards.iter().enumerate().map(|(rank, &shard)| samples(rank, shard)).collect::<Vec<_>>();
    let steps = shards[0].samples.div_ceil(shards[0].batch_size);
    let mut all = [Vec::new(), Vec::new()];
    for step in 0..steps {
        for (part, shard) in parts.iter().zip(shards) {
            let rows = step * shard.batch_size..((step + 1) * shard.batch_size).min(shard.samples);
            for (all, (part, width)) in all.iter_mut().zip(part.iter().zip([2, 3])) {
                all.extend_from_slice(&part[width * rows.start..width * rows.end]);
            }
        }
    }
    let sum = |of: fn(&Shard) -> usize| shards.iter().map(of).sum();
    (all, Shard { samples: sum(|shard| shard.samples), batch_size: sum(|shard| shard.batch_size) })
}

fn trainer(gpu: &Gpu, job: &Job, [x, t]: &[Vec<f32>; 2], shard: Shard, plan: Plan) -> (Network, Trainer) {
    let network = Network::new(gpu, &job.mlp, 3).unwrap();
    let data = Dataset::from_slices(gpu, shard.samples, x, t).unwrap();
    let config = TrainConfig { batch_size: shard.batch_size, plan, ..job.config.clone() };
    let trainer = Trainer::new(&network, &data, config).unwrap();
    (network, trainer)
}

/// What a trainer ends with: the parameters, the average if there is one, and its loss.
struct Trained {
    parameters: Vec<f32>,
    averaged: Option<Vec<f32>>,
    loss: f32,
}

fn trained(network: &Network, trainer: &mut Trainer) -> Trained {
    let averaged = trainer.averaged().ok().map(|network| network.read_parameters().unwrap());
    let loss = trainer.read_loss().unwrap().unwrap().loss;
    Trained { parameters: network.read_parameters().unwrap(), averaged, loss }
}

/// Trains on each part in a thread with a device of its own. Also returns the loss and the samples of all for each step.
fn together(job: &Job, shards: &[Shard], plan: Plan, steps: &[u64]) -> (Vec<Trained>, Vec<[f32; 2]>) {
    let exchange = &Exchange::new(shards.len());
    let seen = &Mutex::new(Vec::new());
    let trained = std::thread::scope(|scope| {
        let train = |(rank, &shard): (usize, &Shard)| {
            scope.spawn(move || {
                let gpu = Gpu::headless().unwrap();
                let (network, mut trainer) = trainer(&gpu, job, &samples(rank, shard), shard, plan);
                for &steps in steps {
                    trainer
                        .train_summed(steps, |numbers| {
                            exchange.all_reduce(rank, numbers);
                            if rank == 0 {
                                let last = numbers.len() - 2;
                                seen.lock().unwrap().push([numbers[last], numbers[last + 1]]);
                            }
                            Ok::<_, Error>(())
                        })
                        .unwrap();
                }
                trained(&network, &mut trainer)
            })
        };
        let threads = shards.iter().enumerate().map(train).collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    (trained, seen.lock().unwrap().clone())
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// All trainers have the same bits, and are near one trainer with all samples.
#[test]
fn trainers_on_parts_are_one_trainer() {
    const STEPS: u64 = 12;
    for (number, job) in jobs().iter().enumerate() {
        for shards in SHARDS {
            for plan in [Plan::Plain, Plan::Layered] {
                let what = format!("{} on {} parts, {plan}, job {number}", job.mlp, shards.len());
                let (ranks, seen) = together(job, shards, plan, &[5, 1, STEPS - 6]);
                let first = &ranks[0];
                for other in &ranks[1..] {
                    assert_eq!(bits(&first.parameters), bits(&other.parameters), "{what}");
                    assert_eq!(first.averaged.as_deref().map(bits), other.averaged.as_deref().map(bits), "{what}");
                }
                let (all, shard) = joined(shards);
                let (network, mut trainer) = trainer(gpu(), job, &all, shard, plan);
                record(&mut trainer, STEPS);
                let one = trained(&network, &mut trainer);
                assert_l2(&what, &first.parameters, &doubles(&one.parameters), 4e-6);
                if let (Some(found), Some(expected)) = (&first.averaged, &one.averaged) {
                    assert_l2(&format!("{what}, averaged"), found, &doubles(expected), 4e-6);
                }
                // The loss of everybody's samples, each step by the trainer's own ones.
                for (rank, (found, shard)) in ranks.iter().zip(shards).enumerate() {
                    let steps = shard.samples.div_ceil(shard.batch_size);
                    let epoch = &seen[STEPS as usize / steps * steps - steps..][..steps];
                    let own = |step: usize| shard.batch_size.min(shard.samples - step * shard.batch_size) as f64;
                    let sum = epoch.iter().enumerate().map(|(step, &[loss, all])| f64::from(loss / all) * own(step));
                    let expected = sum.sum::<f64>() / shard.samples as f64;
                    assert_close(&format!("{what}, rank {rank}"), &[found.loss], &[expected], |_| 1e-5 * expected);
                }
                assert!(seen.iter().all(|[_, all]| *all <= shard.batch_size as f32) && seen.len() == STEPS as usize);
            }
        }
    }
}

/// One that trains alone by the same steps, other steps between them: nothing is forgotten.
#[test]
fn steps_of_both_kinds_follow_each_other() {
    let job = &jobs()[1];
    let shard = Shard { samples: 40, batch_size: 16 };
    let data = samples(0, shard);
    for plan in [Plan::Plain, Plan::Layered] {
        let (network, mut mixed) = trainer(gpu(), job, &data, shard, plan);
        let memory = mixed.memory().batch;
        for _ in 0..3 {
            mixed.train_summed(2, |_| Ok::<_, Error>(())).unwrap();
            record(&mut mixed, 3);
        }
        assert_eq!(mixed.read_loss().unwrap().unwrap().step, 15);
        assert!(mixed.memory().batch > memory);
        let (other, mut usual) = trainer(gpu(), job, &data, shard, plan);
        record(&mut usual, 15);
        let [found, expected] = [(&network, &mut mixed), (&other, &mut usual)].map(|(n, t)| trained(n, t));
        assert_l2("mixed", &found.parameters, &doubles(&expected.parameters), 1e-6);
        assert_close("the loss", &[found.loss], &[expected.loss.into()], |_| 1e-6);
    }
}

/// An error of the hook stops the training; the next call does the step that was not done.
#[test]
fn an_error_of_the_hook_loses_nothing() {
    #[derive(Debug)]
    enum Failure {
        Mine,
        Theirs,
    }
    impl From<Error> for Failure {
        fn from(_: Error) -> Self {
            Failure::Theirs
        }
    }
    let job = &jobs()[1];
    let shard = Shard { samples: 40, batch_size: 16 };
    let data = samples(0, shard);
    let (network, mut trainer_) = trainer(gpu(), job, &data, shard, Plan::Auto);
    let mut calls = 0;
    let failed = trainer_.train_summed(10, |_| {
        calls += 1;
        if calls == 5 { Err(Failure::Mine) } else { Ok(()) }
    });
    assert!(matches!(failed, Err(Failure::Mine)), "{failed:?}");
    assert_eq!(trainer_.read_loss().unwrap().unwrap().step, 4);
    trainer_.train_summed(6, |_| Ok::<_, Error>(())).unwrap();
    let (other, mut usual) = trainer(gpu(), job, &data, shard, Plan::Layered);
    usual.train_summed(10, |_| Ok::<_, Error>(())).unwrap();
    assert_eq!(bits(&network.read_parameters().unwrap()), bits(&other.read_parameters().unwrap()));
    // An error of the library arrives as the hook's type.
    let diverged = trainer_.train_summed(1, |numbers| {
        numbers.fill(f32::NAN);
        Ok::<_, Failure>(())
    });
    assert!(matches!(diverged, Err(Failure::Theirs)));
}

/// Sums that cannot be are refused before they change anything; so are populations and persistent plans.
#[test]
fn what_cannot_be_is_refused() {
    let job = &jobs()[0];
    let shard = Shard { samples: 8, batch_size: 4 };
    let data = samples(0, shard);
    let (network, mut trainer_) = trainer(gpu(), job, &data, shard, Plan::Auto);
    let before = network.read_parameters().unwrap();
    let mut refused = |change: fn(&mut [f32])| {
        let result = trainer_.train_summed(1, |numbers| {
            change(numbers);
            Ok::<_, Error>(())
        });
        assert_eq!(bits(&before), bits(&network.read_parameters().unwrap()));
        result.unwrap_err()
    };
    assert!(matches!(refused(|numbers| numbers[3] = f32::NAN), Error::Diverged { step: 0, .. }));
    assert!(matches!(refused(|numbers| numbers[numbers.len() - 2] = f32::INFINITY), Error::Diverged { .. }));
    for samples in [0.0, 3.0, -4.0, 1e10] {
        let result = trainer_.train_summed(1, |numbers| {
            numbers[numbers.len() - 1] = samples;
            Ok::<_, Error>(())
        });
        assert!(matches!(result, Err(Error::OutOfRange { .. })), "{samples}: {result:?}");
    }
    assert_eq!(bits(&before), bits(&network.read_parameters().unwrap()));
    trainer_.train_summed(0, |_| Err(Error::DeviceLost { reason: String::new() })).unwrap();

    let hook = |_: &mut [f32]| Ok::<_, Error>(());
    for plan in PERSISTENT.into_iter().filter(|&plan| plans().contains(&plan)) {
        let (_, mut persistent) = trainer(gpu(), job, &data, shard, plan);
        let error = persistent.train_summed(1, hook).unwrap_err();
        assert!(matches!(error, Error::PlanUnavailable { .. }) && error.to_string().contains("between"), "{error}");
    }
    let population = Network::population(gpu(), &job.mlp, 2, 1).unwrap();
    let data = Dataset::from_slices(gpu(), 8, &data[0], &data[1]).unwrap();
    let mut of_population = Trainer::new(&population, &data, TrainConfig::default()).unwrap();
    assert!(matches!(of_population.train_summed(1, hook), Err(Error::Count { .. })));
}

/// A grid's gradient of terms that are not finite is 0 on the trainer that has them; all must stop all the same.
#[test]
fn a_gradient_that_is_not_finite_stops_everybody() {
    let grid = HashGrid { levels: 3, table_log2: 6, base_resolution: 4, ..Default::default() };
    let job = &Job { mlp: Mlp::inputs(2).hash_grid(grid).linear(3), config: TrainConfig::adam() };
    let shard = Shard { samples: 8, batch_size: 8 };
    let data = samples(0, shard);
    for plan in [Plan::Plain, Plan::Layered] {
        let (network, mut trainer_) = trainer(gpu(), job, &data, shard, plan);
        let good = network.read_parameters().unwrap();
        // The values are 0, and with them the outputs: the loss and the layer's gradient are finite, but not the grid's.
        let mut parameters = vec![0.0; good.len()];
        parameters[job.mlp.grid_range().end..].fill(3e38);
        network.write_parameters(&parameters).unwrap();
        let mut seen = Vec::new();
        let error = trainer_.train_summed(1, |numbers| {
            seen = numbers.to_vec();
            Ok::<_, Error>(())
        });
        let (gradient, rest) = seen.split_at(seen.len() - 2);
        assert!(gradient.iter().all(|g| g.is_finite()) && !rest[0].is_finite(), "{rest:?}");
        assert!(matches!(error, Err(Error::Diverged { .. })), "{error:?}");
        assert_eq!(bits(&parameters), bits(&network.read_parameters().unwrap()));
        network.write_parameters(&good).unwrap();
        trainer_.train_summed(1, |_| Ok::<_, Error>(())).unwrap();
        assert_ne!(bits(&good), bits(&network.read_parameters().unwrap()));
    }
}
