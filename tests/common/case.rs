//! A network with data to train on, by any plan.

use wgrad::reference::Order;
use wgrad::{Dataset, Error, Mlp, Network, Plan, TrainConfig, Trainer};

use super::{gpu, has_subgroups, normal, submit, uniform, xor_mlp};

/// Targets between 0.1 and 0.9.
pub fn targets(seed: u64, count: usize) -> Vec<f32> {
    uniform(seed, count).iter().map(|target| 0.1 + 0.8 * target).collect()
}

pub struct Case {
    pub mlp: Mlp,
    pub samples: usize,
    pub batch_size: usize,
    pub shuffle: Option<u64>,
}

impl Case {
    pub fn data(&self) -> (Vec<f32>, Vec<f32>) {
        (normal(30, self.samples * self.mlp.input_width()), targets(31, self.samples * self.mlp.output_width()))
    }

    pub fn trainer(&self, seed: u64) -> (Network, Trainer) {
        self.trainer_by(Plan::Plain, seed).unwrap()
    }

    pub fn trainer_by(&self, plan: Plan, seed: u64) -> Result<(Network, Trainer), Error> {
        let (inputs, targets) = self.data();
        let network = Network::new(gpu(), &self.mlp, seed).unwrap();
        let data = Dataset::from_slices(gpu(), self.samples, &inputs, &targets).unwrap();
        let config = TrainConfig {
            learning_rate: 0.1,
            batch_size: self.batch_size,
            shuffle: self.shuffle.is_some(),
            seed: self.shuffle.unwrap_or(0),
            plan,
            ..Default::default()
        };
        let trainer = Trainer::new(&network, &data, config)?;
        Ok((network, trainer))
    }

    pub fn order(&self) -> Order {
        Order { samples: self.samples as u32, batch_size: self.batch_size as u32, shuffle: self.shuffle }
    }
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The plans that can train a small network on this device.
pub fn plans() -> Vec<Plan> {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let plans = [Plan::Plain, Plan::Layered].into_iter().chain(PERSISTENT);
    let plans = plans.filter(|&plan| case.trainer_by(plan, 0).is_ok()).collect::<Vec<_>>();
    assert_eq!(plans.len(), if has_subgroups() { 5 } else { 4 }, "{plans:?}");
    plans
}

pub const PERSISTENT: [Plan; 3] = [Plan::PersistentSubgroup, Plan::PersistentInvocation, Plan::PersistentWorkgroup];

pub fn record(trainer: &mut Trainer, steps: u64) {
    submit(gpu(), |encoder| trainer.record_steps(encoder, steps));
}
