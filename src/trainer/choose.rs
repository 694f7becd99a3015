//! From a configuration to a plan with its GPU objects: the candidates are tried in order.

use super::cost::{Cost, in_words};
use super::layered::Layered;
use super::persistent::{self, Persistent};
use super::plain::Plain;
use super::plan::{is_refusal, reason};
use super::{Job, Plan};
use crate::error::{Error, Result};

/// The most dispatches per submission; for a plan with several dispatches per step, the most steps.
const MOST_DISPATCHES_PER_SUBMISSION: u64 = 1024;

/// A plan with its GPU objects.
#[derive(Debug)]
pub(super) struct Steps {
    plan: Made,
    description: String,
}

#[derive(Debug)]
enum Made {
    Plain(Box<Plain>),
    Layered(Layered),
    Persistent(Persistent),
}

/// The plans that a configuration allows: those to try first, in order, and the last. Auto stands for the persistent plan, if
/// its steps are estimated to take no longer than the layered plan's.
fn candidates(job: Job<'_>) -> (&'static [Plan], Plan) {
    match job.config.plan {
        plan @ (Plan::Plain | Plan::Layered) => (&[], plan),
        Plan::Auto if job.config.networks_of_whole(job.network.count()) == 1 => {
            (&[Plan::Auto, Plan::Layered], Plan::Plain)
        }
        _ => (&[], Plan::Persistent),
    }
}

/// Makes the plan, and describes it.
fn make(plan: Plan, job: Job<'_>) -> Result<(Made, String)> {
    if matches!(plan, Plan::Plain | Plan::Layered) && job.network.count() > 1 {
        let reason = "it trains one network, and this is a population".to_owned();
        return Err(Error::PlanUnavailable { plan: plan.name(), reason, way_out: "choose another, or auto" });
    }
    Ok(match plan {
        Plan::Plain => {
            let plain = Plain::new(job)?;
            let description = plain.description();
            (Made::Plain(Box::new(plain)), description)
        }
        Plan::Layered => {
            let layered = Layered::new(job)?;
            let microseconds = Cost::on(job.network.gpu()).layered(&persistent::spec(job));
            let description = format!("{}; {}", layered.description(), in_words(microseconds));
            (Made::Layered(layered), description)
        }
        _ => {
            let (persistent, description) = Persistent::new(job, plan == Plan::Auto)?;
            (Made::Persistent(persistent), description)
        }
    })
}

impl Steps {
    /// The first candidate that is possible.
    ///
    /// # Errors
    /// The last candidate's refusal if none is possible; any other error, such as [`Error::OutOfMemory`].
    pub fn new(job: Job<'_>) -> Result<Self> {
        let (first, last) = candidates(job);
        let mut why = String::new();
        for &plan in first {
            match make(plan, job) {
                Err(refusal) if is_refusal(&refusal) => {
                    let plan = if plan == Plan::Auto { Plan::Persistent } else { plan };
                    why += &format!("; not {plan}: {}", reason(&refusal));
                }
                made => return made.map(|made| Steps::of(made, &why)),
            }
        }
        make(last, job).map(|made| Steps::of(made, &why))
    }

    fn of((plan, description): (Made, String), why: &str) -> Self {
        Steps { plan, description: description + why }
    }

    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, steps: u64) {
        match &self.plan {
            Made::Plain(plain) => (0..steps).for_each(|_| plain.record_step(pass)),
            Made::Layered(layered) => (0..steps).for_each(|_| layered.record_step(pass)),
            Made::Persistent(persistent) => persistent.record(pass, steps),
        }
    }

    /// The most steps per submission, which bounds the memory of its commands.
    pub fn most_per_submission(&self) -> u64 {
        match &self.plan {
            Made::Plain(_) | Made::Layered(_) => MOST_DISPATCHES_PER_SUBMISSION,
            Made::Persistent(persistent) => MOST_DISPATCHES_PER_SUBMISSION * persistent.most_steps(),
        }
    }

    /// The confusion counts, if samples are classified.
    pub fn counts(&self) -> Option<&wgpu::Buffer> {
        match &self.plan {
            Made::Plain(plain) => plain.counts(),
            Made::Layered(_) | Made::Persistent(_) => None,
        }
    }

    /// The bytes of a batch, without the data set and the parameters.
    pub fn bytes(&self) -> u64 {
        match &self.plan {
            Made::Plain(plain) => plain.bytes(),
            Made::Layered(layered) => layered.bytes(),
            Made::Persistent(_) => 0,
        }
    }

    /// Which plan it is, and why.
    pub fn description(&self) -> &str {
        &self.description
    }
}
