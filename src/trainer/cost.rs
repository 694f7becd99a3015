//! What a step takes, estimated: of the plans that are possible, [`Plan::Auto`](super::Plan::Auto) takes the fastest by this.
//!
//! The plans differ by factors of ten to a hundred, so that an estimate within a factor of three chooses well.
//! `cargo bench --bench throughput` prints it beside what it measures.

use crate::codegen::{PersistentSpec, registers, workgroup};
use crate::gpu::Gpu;

/// Microseconds on a kind of device.
pub(super) struct Cost {
    /// Each value of a lane's straight-line code, for a sample: forward, backward and in the gradient.
    value: f32,
    /// A sum over the lanes of a subgroup.
    sum: f32,
    /// A barrier of a workgroup.
    barrier: f32,
    /// A weight in a workgroup's products, for a sample; and its update.
    product: f32,
    update: f32,
    /// How many of a workgroup's invocations work at once.
    at_once: u32,
    /// How many workgroups run at once.
    workgroups: u32,
    /// A dispatch that waits for the one before it.
    dispatch: f32,
    /// A weight in the products of a whole device, for a sample; and an output of a layer, which is written and read again.
    tiled_product: f32,
    output: f32,
}

/// Measured with Mesa's software driver on two cores, of an AMD and of an Intel processor: what goes through workgroup
/// memory takes five times as long on the one as on the other, and these are the means. What takes place in workgroup memory
/// is for all lanes of a subgroup.
const PROCESSOR: Cost = Cost {
    value: 0.0025,
    sum: 0.005,
    barrier: 0.25,
    product: 0.0043,
    update: 0.0095,
    at_once: 1,
    workgroups: 2,
    dispatch: 55.0,
    tiled_product: 0.00057,
    output: 0.026,
};

/// Estimates from what is known of GPUs, not measured: four cycles from an instruction to the next that needs its result, some
/// thirty for what comes from workgroup memory, microseconds from a dispatch to the next.
const GPU: Cost = Cost {
    value: 0.0015,
    sum: 0.03,
    barrier: 0.08,
    product: 0.003,
    update: 0.008,
    at_once: 128,
    workgroups: 128,
    dispatch: 5.0,
    tiled_product: 0.000_001,
    output: 0.000_01,
};

impl Cost {
    /// The costs on this device.
    pub fn on(gpu: &Gpu) -> &'static Self {
        if gpu.is_cpu() { &PROCESSOR } else { &GPU }
    }

    /// A step of workgroups that each take `microseconds`.
    fn of_workgroups(&self, workgroups: u32, microseconds: f32) -> f32 {
        microseconds * workgroups.div_ceil(self.workgroups) as f32
    }

    /// A step of `networks` networks in registers, each in as many lanes, in workgroups of `per_workgroup` networks.
    pub fn registers(&self, spec: &PersistentSpec, networks: u32, lanes: u32, per_workgroup: u32) -> f32 {
        let of_a_sample = registers::values(spec, lanes) as f32;
        let of_a_step = registers::count(spec, lanes) as f32 - of_a_sample;
        let rows = spec.batch_size as f32;
        let sums = registers::sums_over_lanes(spec, lanes) as f32;
        let microseconds = rows * (of_a_sample * self.value + sums * self.sum) + of_a_step * self.value;
        self.of_workgroups(networks.div_ceil(per_workgroup), microseconds)
    }

    /// A step of `networks` networks, each in the memory of a workgroup.
    pub fn workgroup(&self, spec: &PersistentSpec, networks: u32) -> f32 {
        let barriers = 2.0 * spec.layers.len() as f32 + 2.0;
        let at_once = workgroup::widest_phase(spec).min(self.at_once) as f32;
        let of_a_weight = spec.batch_size as f32 * self.product + self.update;
        let microseconds = barriers * self.barrier + padded_weights(spec) * of_a_weight / at_once;
        self.of_workgroups(networks, microseconds)
    }

    /// A step of the layered plan.
    pub fn layered(&self, spec: &PersistentSpec) -> f32 {
        let layers = spec.layers.len() as f32;
        let dispatches = if spec.trains() { 2.0 * layers + 1.0 } else { layers + 1.0 };
        let outputs = spec.layers.iter().map(|layer| layer.outputs).sum::<u32>() as f32;
        let of_a_sample = padded_weights(spec) * self.tiled_product + outputs * self.output;
        dispatches * self.dispatch + spec.batch_size as f32 * of_a_sample
    }
}

/// The weights in whole tiles of 4 × 4.
fn padded_weights(spec: &PersistentSpec) -> f32 {
    let tiles = spec.layers.iter().map(|layer| layer.inputs.div_ceil(4) as f32 * layer.outputs.div_ceil(4) as f32);
    16.0 * tiles.sum::<f32>()
}

/// An estimate in words.
pub(super) fn in_words(microseconds: f32) -> String {
    format!("estimated at {} ns per step", nanoseconds(microseconds))
}

/// An estimate in whole nanoseconds.
pub(super) fn nanoseconds(microseconds: f32) -> u64 {
    (microseconds * 1e3) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::Work;
    use crate::loss::Loss;
    use crate::mlp::Mlp;

    /// The fastest for 2-32-32-3 in batches of this size: in registers of a subgroup, of an invocation, in a workgroup, or layered.
    fn fastest(cost: &Cost, networks: u32, batch_size: u32) -> &'static str {
        let mlp = Mlp::inputs(2).linear(32).bias().sigmoid().linear(32).bias().sigmoid().linear(3).bias().sigmoid();
        let spec = PersistentSpec::new(&mlp, Loss::SquaredError, batch_size, false, Work::Train);
        let plans = [
            ("subgroup", cost.registers(&spec, networks, 32, 1)),
            ("invocation", cost.registers(&spec, networks, 1, 32)),
            ("workgroup", cost.workgroup(&spec, networks)),
            ("layered", if networks == 1 { cost.layered(&spec) } else { f32::INFINITY }),
        ];
        plans.into_iter().min_by(|one, other| one.1.total_cmp(&other.1)).unwrap().0
    }

    #[test]
    fn on_a_processor_one_network_is_fastest_in_a_subgroup_and_many_in_an_invocation_each() {
        for batch_size in [1, 2, 16, 128, 1_024, 16_384] {
            assert_eq!(fastest(&PROCESSOR, 1, batch_size), "subgroup", "batches of {batch_size}");
        }
        assert_eq!(fastest(&PROCESSOR, 4_096, 1), "invocation");
    }

    #[test]
    fn on_a_gpu_a_larger_batch_is_for_more_of_its_invocations() {
        let by_batch = [1, 64, 16_384].map(|batch_size| fastest(&GPU, 1, batch_size));
        assert_eq!(by_batch, ["subgroup", "workgroup", "layered"]);
        assert_eq!(fastest(&GPU, 100_000, 1), "invocation");
    }

    /// A figure of BENCHMARKS.md each, on the slower of the two processors: within a factor of three.
    #[test]
    fn the_estimates_are_near_what_was_measured() {
        let spec = |widths: &[usize], batch_size| {
            PersistentSpec::new(&Mlp::widths(widths), Loss::SquaredError, batch_size, false, Work::Train)
        };
        let small = |batch_size| spec(&[2, 30, 2], batch_size);
        for (what, estimated, measured) in [
            ("an invocation", PROCESSOR.registers(&small(1), 1, 1, 8), 0.246),
            ("64 invocations", PROCESSOR.registers(&small(1), 64, 1, 8), 1.7),
            ("a subgroup", PROCESSOR.registers(&small(1), 1, 8, 1), 0.132),
            ("a workgroup", PROCESSOR.workgroup(&spec(&[8, 32, 32, 4], 8), 1), 146.0),
            ("layered", PROCESSOR.layered(&small(1)), 365.0),
            ("layered, of real size", PROCESSOR.layered(&spec(&[784, 200, 10], 64)), 12_900.0),
        ] {
            let ratio = estimated / measured;
            assert!((1.0 / 3.0..3.0).contains(&ratio), "{what}: {estimated} estimated, {measured} measured");
        }
    }
}
