//! The variants of the persistent plan: which are possible, and which is the best.

use crate::codegen::{LONGEST_LOOP, LONGEST_WALK, PersistentSpec, Work, registers, workgroup};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernels::PersistentKernel;
use crate::trainer::Plan;
use crate::trainer::cost::Cost;
use crate::trainer::plan::reason;

/// The most 32-bit registers of a subgroup's lane, and of a single invocation. Most GPUs have 255 per invocation and spill
/// the rest to nearby memory; but a driver's compile time grows faster than the source: BENCHMARKS.md has the figures.
const REGISTERS_OF_A_LANE: u64 = 448;
const REGISTERS_OF_AN_INVOCATION: u64 = 400;

/// On a processor, registers that spill lie in its cache, and what counts is the compile time, which is mostly that of the
/// weights' code: a network with so few registers without the sums of gradients may have these, in batches of any size. Mesa 22.3
/// then takes up to 3.5 s, Mesa 25 with LLVM 15 ten times as long; SwiftShader, which optimizes less, 2.5 s.
fn registers_without_sums(gpu: &Gpu) -> u64 {
    match gpu.is_cpu() {
        true if gpu.adapter_info().driver.contains("SwiftShader") => 800,
        true => 288,
        false => 0,
    }
}

/// What trains a network.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variant {
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

    fn too_long(self, iterations: u64) -> Error {
        self.unavailable(format!(
            "a step takes up to {iterations} loop iterations, and a dispatch may take {LONGEST_LOOP}"
        ))
    }
}

/// A variant that can run, its description, and the estimated time of a step.
pub(super) struct Candidate {
    pub kernel: PersistentKernel,
    pub description: String,
    pub microseconds: f32,
}

/// What a variant must fit.
#[derive(Clone, Copy)]
pub(super) struct Fit<'a> {
    pub gpu: &'a Gpu,
    pub spec: &'a PersistentSpec,
    /// Of the whole population, if this is a part.
    pub networks: u32,
    /// How many samples there is room for.
    pub samples: u32,
    /// Whether the app may change how many there are.
    pub varies: bool,
}

impl Fit<'_> {
    /// The first possible variant of a plan, and why those before it are not possible.
    pub fn choose(self, plan: Plan) -> Result<(Candidate, Vec<String>)> {
        let mut variants = self.variants(plan);
        let is_only = variants.len() == 1;
        let mut refusals = Vec::new();
        // The fastest by the estimates first.
        let fastest = |variants: &[Variant]| {
            (0..variants.len())
                .reduce(|i, j| if self.microseconds(variants[j]) < self.microseconds(variants[i]) { j } else { i })
        };
        while let Some(i) = fastest(&variants) {
            let variant = variants.remove(i);
            let candidate = match variant {
                Variant::Subgroup => self.subgroup(),
                Variant::Invocation => self.invocation(),
                Variant::Workgroup => self.workgroup(),
            };
            match candidate {
                Ok(candidate) => return Ok((candidate, refusals)),
                Err(refusal) if is_only => return Err(refusal),
                Err(refusal) => refusals.push(format!("{}: {}", variant.plan(), reason(&refusal))),
            }
        }
        let plan = Plan::Persistent.name();
        Err(Error::PlanUnavailable { plan, reason: refusals.join("; "), way_out: self.way_out() })
    }

    /// The variants that a plan allows.
    ///
    /// Many networks run best with one lane each, which does no work twice; few with one subgroup each, which has more lanes
    /// at work. Networks that outgrow registers use workgroup memory. A single evaluation does not: it would compile another
    /// source for each size of a data set, which the layered plan need not.
    fn variants(self, plan: Plan) -> Vec<Variant> {
        use Variant::{Invocation, Subgroup, Workgroup};
        match plan {
            Plan::PersistentSubgroup => vec![Subgroup],
            Plan::PersistentInvocation => vec![Invocation],
            Plan::PersistentWorkgroup => vec![Workgroup],
            _ if self.networks == 1 && self.spec.work == Work::Evaluate => vec![Subgroup, Invocation],
            _ => vec![Subgroup, Invocation, Workgroup],
        }
    }

    /// The estimated time of a step.
    #[inline(never)]
    fn microseconds(self, variant: Variant) -> f32 {
        let cost = Cost::on(self.gpu);
        match variant {
            Variant::Subgroup => cost.registers(self.spec, self.networks, self.lanes(), 1),
            Variant::Invocation => cost.registers(self.spec, self.networks, 1, self.lanes()),
            Variant::Workgroup => cost.workgroup(self.spec, self.networks),
        }
    }

    fn subgroup(self) -> Result<Candidate> {
        let unavailable = |reason: String| Err(Variant::Subgroup.unavailable(reason));
        if !self.gpu.device().features().contains(wgpu::Features::SUBGROUP) {
            return unavailable(match self.gpu.adapter_info().backend {
                wgpu::Backend::BrowserWebGpu => "wgpu does not offer the feature SUBGROUP in browsers yet".to_owned(),
                _ => "the device was requested without the feature SUBGROUP".to_owned(),
            });
        }
        let info = self.gpu.adapter_info();
        let (min, max) = (info.subgroup_min_size, info.subgroup_max_size);
        match (min, max) {
            (_, 0) => return unavailable("the device does not say how large its subgroups are".to_owned()),
            (1, 1) => return unavailable("its subgroups have one lane".to_owned()),
            (min, max) if min == max && min.is_power_of_two() && min <= 128 => {}
            _ => {
                return unavailable(format!(
                    "its subgroups have no size that is pinned down, but {min} to {max} lanes"
                ));
            }
        }
        let what = "a lane's share of the network and its batch";
        self.check_registers(what, min, REGISTERS_OF_A_LANE)?;
        let description = format!("{}, {min} lanes train a network in registers", Plan::PersistentSubgroup);
        self.in_registers(Variant::Subgroup, min, min, description)
    }

    fn invocation(self) -> Result<Candidate> {
        let what = "the network with its batch";
        self.check_registers(what, 1, REGISTERS_OF_AN_INVOCATION)?;
        let description = format!("{}, each invocation trains a network in registers", Plan::PersistentInvocation);
        self.in_registers(Variant::Invocation, 1, self.lanes(), description)
    }

    /// A variant in which `lanes` lanes have a network in their registers.
    fn in_registers(self, variant: Variant, lanes: u32, workgroup: u32, description: String) -> Result<Candidate> {
        let most_steps = self.most_steps(variant)?;
        Ok(self.candidate(variant, description, registers::source(self.spec, lanes), [workgroup, lanes, most_steps]))
    }

    fn workgroup(self) -> Result<Candidate> {
        let needed = workgroup::bytes(self.spec);
        let allowed = u64::from(self.gpu.limits().max_compute_workgroup_storage_size);
        if needed > allowed {
            return Err(Error::TooLarge {
                operation: self.spec.work.operation(),
                what: "the network with its batch in a workgroup",
                needed,
                limit: "max_compute_workgroup_storage_size",
                allowed,
                way_out: self.way_out(),
            });
        }
        // On a processor, a wider workgroup only costs more at each barrier.
        let invocations = match self.gpu.is_cpu() {
            true => self.lanes(),
            false => workgroup::widest_phase(self.spec).next_power_of_two().clamp(32, 256),
        };
        let kernel = workgroup::kernel(self.spec, invocations);
        let iterations = kernel.iterations + kernel.iterations_per_step;
        let most_steps = kernel.most_steps().ok_or_else(|| Variant::Workgroup.too_long(iterations))?;
        let description = format!(
            "{}, {invocations} invocations train a network in {needed} bytes of workgroup memory",
            Plan::PersistentWorkgroup
        );
        Ok(self.candidate(Variant::Workgroup, description, kernel.source, [invocations, invocations, most_steps]))
    }

    /// A candidate of `workgroup` invocations per workgroup, of which each network has some.
    #[inline(never)]
    fn candidate(
        self,
        variant: Variant,
        description: String,
        source: String,
        [workgroup, invocations_per_network, most_steps]: [u32; 3],
    ) -> Candidate {
        let spec = self.spec.clone();
        let kernel = PersistentKernel { spec, source, workgroup, invocations_per_network, most_steps };
        Candidate { kernel, description, microseconds: self.microseconds(variant) }
    }

    /// The lanes of a subgroup, if the device reports them; a workgroup of this size wastes none.
    fn lanes(self) -> u32 {
        match self.gpu.adapter_info().subgroup_max_size {
            0 => 32,
            lanes => lanes.clamp(4, 64),
        }
    }

    fn check_registers(self, what: &'static str, lanes: u32, allowed: u64) -> Result<()> {
        let registers = registers::count(self.spec, lanes);
        let without_sums = registers::count_without_sums(self.spec, lanes);
        if registers <= allowed || without_sums <= registers_without_sums(self.gpu) {
            return Ok(());
        }
        Err(Error::TooLarge {
            operation: self.spec.work.operation(),
            what,
            needed: 4 * registers,
            limit: "wgrad's bound on the registers of an invocation",
            allowed: 4 * allowed,
            way_out: self.way_out(),
        })
    }

    /// What to do if a network is too large.
    fn way_out(self) -> &'static str {
        match (self.spec.work, self.networks) {
            (Work::Evaluate | Work::Classify, _) => "extract the networks, and evaluate each",
            (Work::Train, 1) => "use narrower layers, a smaller batch or another plan: auto takes any",
            (Work::Train, _) => "use narrower layers or a smaller batch, or train the networks one by one",
        }
    }

    /// The most steps per dispatch, a power of two, if an invocation takes every sample of a batch.
    #[inline(never)]
    fn most_steps(self, variant: Variant) -> Result<u32> {
        let fits = |&bit: &u32| self.iterations(1 << bit) <= LONGEST_LOOP.into();
        let most = (0..=LONGEST_LOOP.ilog2()).rev().find(fits);
        most.map(|bit| 1 << bit).ok_or_else(|| variant.too_long(self.iterations(1)))
    }

    /// The loop iterations of `steps` steps, if an invocation takes every sample of a batch.
    #[inline(never)]
    pub fn iterations(self, steps: u64) -> u64 {
        let samples = steps * u64::from(self.spec.batch_size);
        let walks = match (self.spec.shuffle, self.varies) {
            (false, _) => 0,
            (true, true) => LONGEST_WALK * samples,
            (true, false) => walk_iterations(self.samples, samples),
        };
        steps + steps * self.spec.iterations_over_rows() + walks
    }
}

/// The most loop iterations of `permutation` for this many consecutive positions. The walks of an epoch are disjoint parts of
/// a permutation's cycles, so that each number past the samples is on at most one of them.
pub(super) fn walk_iterations(samples: u32, positions: u64) -> u64 {
    let samples = u64::from(samples);
    let outside = samples.next_power_of_two() - samples;
    let epochs = positions.div_ceil(samples) + 1;
    (LONGEST_WALK * positions).min(positions + outside * epochs)
}
