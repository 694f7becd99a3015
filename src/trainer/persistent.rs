//! The persistent plan: the loop over the steps runs inside the shader, the weights stay in registers or workgroup
//! memory, and the host only says how many steps. For networks small enough for one workgroup, and for populations of
//! them.
//!
//! Three variants, each a text that is written for the network: [`subgroup`], [`invocation`] and [`workgroup`].

mod invocation;
mod subgroup;
mod task;
mod text;
mod workgroup;

use super::{Plan, TrainConfig, Work};
use crate::data::{Coding, Dataset};
use crate::error::{Error, Result};
use crate::gpu::{Access, Gpu, Shader};
use crate::kernels::{Dispatch, LONGEST_LOOP, Parameters, TrainingState, seed_words};
use crate::matrix::Operand;
use crate::network::Network;
use crate::reference;
use task::Task;

/// The registers that a text may ask for, 32 bits each. Most GPUs have 255 an invocation, and keep what is beyond in
/// memory close by; but the time that a driver takes to compile grows faster than the text: with Mesa 22.3 on an idle
/// machine, 0.5 s for 150 registers of an invocation, a minute for 1,400; a subgroup's 200 take 0.3 s, 450 some 3 s.
const REGISTERS_OF_A_LANE: u64 = 448;
const REGISTERS_OF_AN_INVOCATION: u64 = 384;

/// The largest batch that [`Plan::Auto`] lets one workgroup of a GPU go through, sample after sample; a larger one has
/// work enough for many workgroups. An estimate, not measured; on a processor the persistent plan is the faster one
/// whatever the batch.
const LARGEST_BATCH_OF_A_GPU: usize = 256;

/// The sigmoid layers that a text is written for: it grows with each.
const MOST_SIGMOIDS: u32 = 64;

/// The longest walk of `permutation`: the loop iterations that one can take.
const LONGEST_WALK: u64 = reference::LONGEST_WALK as u64;

/// On a GPU, this many subgroups' worth of networks keep it busy with a lane each; fewer are better off with a subgroup
/// each. An estimate from the number of subgroups that a large GPU runs at once, not measured.
const SUBGROUPS_OF_A_GPU: u32 = 64;

/// Training steps, many a dispatch.
#[derive(Debug)]
pub(super) struct Persistent {
    /// Dispatches of 1, 2, 4, … steps.
    dispatches: Vec<Dispatch>,
}

/// What trains a network.
#[derive(Clone, Copy, Debug)]
enum Variant {
    Subgroup,
    Invocation,
    Workgroup,
}

impl Variant {
    fn plan(self) -> Plan {
        match self {
            Variant::Subgroup => Plan::PersistentSubgroup,
            Variant::Invocation => Plan::PersistentInvocation,
            Variant::Workgroup => Plan::PersistentWorkgroup,
        }
    }

    fn unavailable(self, reason: String) -> Error {
        Error::PlanUnavailable { plan: self.plan().name(), reason, way_out: "choose another, or auto" }
    }
}

/// A variant that can run: its text and its grid.
struct Candidate {
    text: String,
    /// The invocations of a workgroup.
    workgroup: u32,
    /// The invocations that train a network.
    lanes: u32,
    most_steps: u32,
    words: String,
}

impl Persistent {
    /// The plan by the variant that the configuration names, or the best one that is possible; and in words which it is,
    /// and why not a better one.
    ///
    /// # Errors
    /// [`Error::PlanUnavailable`] or [`Error::TooLarge`] if none is possible.
    pub fn new(
        network: &Network,
        data: &Dataset,
        state: &TrainingState,
        config: &TrainConfig,
        work: Work,
    ) -> Result<(Self, String)> {
        let operation = work.operation();
        let gpu = network.gpu();
        if [data.inputs(), data.targets()].iter().any(|numbers| numbers.coding != Coding::Floats) {
            let reason = "the data set is of bytes, and these shaders read f32".to_owned();
            let way_out = match state.networks() {
                1 => "choose layered or auto, or make the data set by Dataset::from_slices",
                _ => "make the data set by Dataset::from_slices",
            };
            return Err(Error::PlanUnavailable { plan: config.plan.name(), reason, way_out });
        }
        let inputs = data.inputs().rows.operand(gpu, operation, "the data set's inputs")?;
        let targets = data.targets().rows.operand(gpu, operation, "the data set's targets")?;
        for operand in [&inputs, &targets] {
            if operand.is_in(network.parameters()) {
                return Err(Error::aliased(operation, operand.what(), "the parameters"));
            }
        }
        // The batch fits in 32 bits, since the data set's samples do.
        let task = Task::new(network.mlp(), config.batch_size as u32, config.shuffle, work);
        let at_once = [inputs.at_once(), targets.at_once()];
        let grows = data.samples() < inputs.rows as usize;
        let task = Task { networks: state.networks(), at_once, grows, ..task };
        let (candidate, refusals) = choose(gpu, &task, inputs.rows, config.plan)?;
        let refusals = refusals.iter().map(|refusal| format!("; not {refusal}"));
        let description = format!(
            "{}: the loop over the steps runs inside the shader, up to {} a dispatch{}",
            candidate.words,
            candidate.most_steps,
            refusals.collect::<String>()
        );
        Ok((Persistent::of(&candidate, network, [&inputs, &targets], state, config)?, description))
    }

    /// The plan by this candidate.
    fn of(
        candidate: &Candidate,
        network: &Network,
        [inputs, targets]: [&Operand<'_>; 2],
        state: &TrainingState,
        config: &TrainConfig,
    ) -> Result<Self> {
        let gpu = network.gpu();
        let shader = Shader {
            entry_point: "persistent",
            source: &candidate.text,
            workgroup: Some(candidate.workgroup),
            parameters: &["inputs_view", "targets_view", "seed", "batch_size", "networks", "steps"],
            storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite, Access::Read],
        };
        let storage = [
            inputs.binding(),
            targets.binding(),
            state.learning_rate().as_entire_binding(),
            network.parameters().as_entire_binding(),
            state.buffer().as_entire_binding(),
            state.samples().binding(),
        ];
        let networks = state.networks();
        let dispatch = |bit: u32| {
            let parameters = Parameters::default()
                .pair("inputs_view", inputs.view)
                .pair("targets_view", targets.view)
                .pair("seed", seed_words(Some(config.seed)))
                .word("batch_size", config.batch_size as u32)
                .word("networks", networks)
                .word("steps", 1u32 << bit);
            Dispatch::new(gpu, &shader, parameters, &storage, u64::from(networks) * u64::from(candidate.lanes))
        };
        let dispatches = (0..=candidate.most_steps.ilog2()).map(dispatch).collect::<Result<_>>()?;
        Ok(Persistent { dispatches })
    }

    /// The most steps of one dispatch.
    pub fn most_steps(&self) -> u64 {
        1 << (self.dispatches.len() - 1)
    }

    /// A dispatch for each bit of `steps`, the largest repeated.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, steps: u64) {
        let Some((largest, smaller)) = self.dispatches.split_last() else { return };
        for _ in 0..steps / self.most_steps() {
            largest.record(pass);
        }
        for (bit, dispatch) in smaller.iter().enumerate() {
            if steps >> bit & 1 == 1 {
                dispatch.record(pass);
            }
        }
    }
}

/// Why a plan is not possible, without the way out.
pub(super) fn in_brief(refusal: &Error) -> String {
    match refusal {
        Error::PlanUnavailable { reason, .. } => reason.clone(),
        Error::TooLarge { what, needed, limit, allowed, .. } => {
            format!("{what} needs {needed} bytes, and {limit} allows {allowed}")
        }
        other => other.to_string(),
    }
}

/// Whether [`Plan::Auto`] gives batches of this size to the persistent plan.
pub(super) fn suits(gpu: &Gpu, batch_size: usize) -> bool {
    gpu.is_cpu() || batch_size <= LARGEST_BATCH_OF_A_GPU
}

/// The variants that a plan allows, in the order in which they are tried.
///
/// Many networks are best off with a lane each, which does no work twice; few with a subgroup each, which has more lanes
/// at work. What outgrows registers goes to workgroup memory; but not to be measured alone: the text would be another for
/// each size of a data set, where the layered plan needs none.
fn variants(gpu: &Gpu, task: &Task, plan: Plan) -> &'static [Variant] {
    use Variant::{Invocation, Subgroup, Workgroup};
    let many = lanes(gpu) * if gpu.is_cpu() { 1 } else { SUBGROUPS_OF_A_GPU };
    match plan {
        Plan::PersistentSubgroup => &[Subgroup],
        Plan::PersistentInvocation => &[Invocation],
        Plan::PersistentWorkgroup => &[Workgroup],
        _ if task.networks >= many => &[Invocation, Subgroup, Workgroup],
        _ if task.networks == 1 && task.work == Work::Evaluate => &[Subgroup, Invocation],
        _ => &[Subgroup, Invocation, Workgroup],
    }
}

/// The first of a plan's variants that is possible, and what forbids those before it.
fn choose(gpu: &Gpu, task: &Task, samples: u32, plan: Plan) -> Result<(Candidate, Vec<String>)> {
    let sigmoids = task.sigmoids + task.stages.iter().map(|stage| stage.sigmoids).sum::<u32>();
    if sigmoids > MOST_SIGMOIDS {
        let reason = format!("there are {sigmoids} sigmoid layers, and shaders are written for up to {MOST_SIGMOIDS}");
        return Err(Error::PlanUnavailable { plan: plan.name(), reason, way_out: task.way_out() });
    }
    let variants = variants(gpu, task, plan);
    let mut refusals = Vec::new();
    for &variant in variants {
        let candidate = match variant {
            Variant::Subgroup => subgroup(gpu, task, samples),
            Variant::Invocation => invocation(gpu, task, samples),
            Variant::Workgroup => workgroup(gpu, task),
        };
        match candidate {
            Ok(candidate) => return Ok((candidate, refusals)),
            Err(refusal) if variants.len() == 1 => return Err(refusal),
            Err(refusal) => refusals.push(format!("{}: {}", variant.plan(), in_brief(&refusal))),
        }
    }
    let plan = Plan::Persistent.name();
    Err(Error::PlanUnavailable { plan, reason: refusals.join("; "), way_out: task.way_out() })
}

fn subgroup(gpu: &Gpu, task: &Task, samples: u32) -> Result<Candidate> {
    let unavailable = |reason: String| Err(Variant::Subgroup.unavailable(reason));
    if !gpu.device().features().contains(wgpu::Features::SUBGROUP) {
        return unavailable("the device was requested without the feature SUBGROUP".to_owned());
    }
    let info = gpu.adapter_info();
    let (min, max) = (info.subgroup_min_size, info.subgroup_max_size);
    match (min, max) {
        (_, 0) => return unavailable("the device does not say how large its subgroups are".to_owned()),
        (1, 1) => return unavailable("its subgroups have one lane".to_owned()),
        (min, max) if min == max && min.is_power_of_two() && min <= 128 => {}
        _ => return unavailable(format!("its subgroups have no size that is pinned down, but {min} to {max} lanes")),
    }
    let registers = subgroup::registers(task, min);
    check_registers(task, "a lane's share of the network and its batch", registers, REGISTERS_OF_A_LANE)?;
    Ok(Candidate {
        text: subgroup::text(task, min),
        workgroup: min,
        lanes: min,
        most_steps: most_steps(Variant::Subgroup, task, samples)?,
        words: format!("{}, {min} lanes train a network in registers", Plan::PersistentSubgroup),
    })
}

fn invocation(gpu: &Gpu, task: &Task, samples: u32) -> Result<Candidate> {
    check_registers(task, "the network with its batch", invocation::registers(task), REGISTERS_OF_AN_INVOCATION)?;
    Ok(Candidate {
        text: invocation::text(task),
        workgroup: lanes(gpu),
        lanes: 1,
        most_steps: most_steps(Variant::Invocation, task, samples)?,
        words: format!("{}, each invocation trains a network in registers", Plan::PersistentInvocation),
    })
}

fn workgroup(gpu: &Gpu, task: &Task) -> Result<Candidate> {
    let (needed, allowed) = (workgroup::bytes(task), u64::from(gpu.limits().max_compute_workgroup_storage_size));
    if needed > allowed {
        return Err(Error::TooLarge {
            operation: task.work.operation(),
            what: "the network with its batch in a workgroup",
            needed,
            limit: "max_compute_workgroup_storage_size",
            allowed,
            way_out: task.way_out(),
        });
    }
    // On a processor, a wider workgroup only costs more at each barrier.
    let lanes = match gpu.is_cpu() {
        true => lanes(gpu),
        false => workgroup::widest_phase(task).next_power_of_two().clamp(32, 256),
    };
    let kernel = workgroup::kernel(task, lanes);
    let iterations = kernel.iterations + kernel.iterations_a_step;
    let most_steps = kernel.most_steps().ok_or_else(|| too_long(Variant::Workgroup, iterations))?;
    let words = format!(
        "{}, {lanes} invocations train a network in {needed} bytes of workgroup memory",
        Plan::PersistentWorkgroup
    );
    Ok(Candidate { text: kernel.text, workgroup: lanes, lanes, most_steps, words })
}

/// The lanes of a subgroup, as far as the device says; a workgroup of as many wastes none.
fn lanes(gpu: &Gpu) -> u32 {
    match gpu.adapter_info().subgroup_max_size {
        0 => 32,
        lanes => lanes.clamp(4, 64),
    }
}

fn check_registers(task: &Task, what: &'static str, registers: u64, allowed: u64) -> Result<()> {
    if registers <= allowed {
        return Ok(());
    }
    Err(Error::TooLarge {
        operation: task.work.operation(),
        what,
        needed: 4 * registers,
        limit: "wgrad's bound on the registers of an invocation",
        allowed: 4 * allowed,
        way_out: task.way_out(),
    })
}

/// The most steps of a dispatch, a power of two, where an invocation takes every sample of a batch.
fn most_steps(variant: Variant, task: &Task, samples: u32) -> Result<u32> {
    let fits = |&bit: &u32| iterations(task, samples, 1 << bit) <= LONGEST_LOOP.into();
    let most = (0..=LONGEST_LOOP.ilog2()).rev().find(fits);
    most.map(|bit| 1 << bit).ok_or_else(|| too_long(variant, iterations(task, samples, 1)))
}

/// The loop iterations of so many steps, where an invocation takes every sample of a batch.
fn iterations(task: &Task, samples: u32, steps: u64) -> u64 {
    let batch_size = u64::from(task.batch_size);
    let turns = task.levels().iter().map(|level| steps * batch_size.div_ceil(level.rows.into())).sum::<u64>();
    let walks = match (task.shuffle, task.grows) {
        (false, _) => 0,
        (true, true) => LONGEST_WALK * steps * batch_size,
        (true, false) => walk_iterations(samples, steps * batch_size),
    };
    steps + turns + walks
}

fn too_long(variant: Variant, iterations: u64) -> Error {
    variant
        .unavailable(format!("a step takes up to {iterations} loop iterations, and a dispatch may take {LONGEST_LOOP}"))
}

/// The most loop iterations that `permutation` takes for this many consecutive positions. Each number past the samples
/// is on the walk of one position of an epoch at most, since the walks are parts of a permutation's cycles.
fn walk_iterations(samples: u32, positions: u64) -> u64 {
    let samples = u64::from(samples);
    let outside = samples.next_power_of_two() - samples;
    let epochs = positions.div_ceil(samples) + 1;
    (LONGEST_WALK * positions).min(positions + outside * epochs)
}

#[cfg(test)]
mod tests;
