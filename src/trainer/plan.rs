//! The plans by name, and their refusals.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// How training steps become dispatches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// The persistent plan where the network and the device allow it and its steps are estimated to take no longer than the
    /// layered plan's; otherwise the layered one, otherwise the plain one. Populations are trained by the persistent plan
    /// alone. [`Trainer::plan`](crate::Trainer::plan) tells the estimate.
    #[default]
    Auto,
    /// Each kernel is a dispatch: for any size, readable, and what every other plan is compared with.
    Plain,
    /// Each layer is a dispatch forward and one backward, with the elementwise operations fused in: for networks and batches
    /// of real size.
    Layered,
    /// The loop over the steps runs inside the shader: of the variants that the network and the device allow, the one that is
    /// estimated to be the fastest.
    Persistent,
    /// Persistent, one subgroup per network, everything in registers: for devices with the feature `SUBGROUP` whose
    /// subgroups have one size.
    PersistentSubgroup,
    /// Persistent, one invocation per network, everything in registers: for any device, and for large populations.
    PersistentInvocation,
    /// Persistent, one workgroup per network, everything in workgroup memory: for any device, and for networks that outgrow
    /// registers.
    PersistentWorkgroup,
}

impl Plan {
    /// All plans, each once.
    pub const ALL: [Plan; 7] = [
        Plan::Auto,
        Plan::Plain,
        Plan::Layered,
        Plan::Persistent,
        Plan::PersistentSubgroup,
        Plan::PersistentInvocation,
        Plan::PersistentWorkgroup,
    ];

    /// The plan's name: `auto`, `layered`, `persistent`, `persistent-subgroup`, …
    pub fn name(self) -> &'static str {
        match self {
            Plan::Auto => "auto",
            Plan::Plain => "plain",
            Plan::Layered => "layered",
            Plan::Persistent => "persistent",
            Plan::PersistentSubgroup => "persistent-subgroup",
            Plan::PersistentInvocation => "persistent-invocation",
            Plan::PersistentWorkgroup => "persistent-workgroup",
        }
    }
}

impl FromStr for Plan {
    type Err = Error;

    /// # Errors
    /// [`Error::Name`] for what names no plan.
    fn from_str(name: &str) -> Result<Self> {
        let problem = || format!("names no plan; choose one of {}", Plan::ALL.map(Plan::name).join(", "));
        let plan = Plan::ALL.into_iter().find(|plan| plan.name() == name);
        plan.ok_or_else(|| Error::Name { operation: "Plan::from_str", name: name.to_owned(), problem: problem() })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether the error says that a plan is not possible: then another may be.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::PlanUnavailable { .. } | Error::TooLarge { .. })
}

/// Why a plan is not possible, without the way out.
pub(super) fn reason(refusal: &Error) -> String {
    match refusal {
        Error::PlanUnavailable { reason, .. } => reason.clone(),
        Error::TooLarge { what, needed, limit, allowed, .. } => {
            format!("{what} needs {needed} bytes, and {limit} allows {allowed}")
        }
        other => other.to_string(),
    }
}
