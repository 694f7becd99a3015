//! Faults on purpose: the tests see what becomes of them.

use std::str::FromStr;

/// What happens to one rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It dies when the gradients of a step are summed.
    Dies,
    /// It dies before its file of a checkpoint is written.
    Unwritten,
    /// It dies when that is written.
    Written,
    /// It cannot sum.
    Fails,
    /// It gets another sum than the others.
    Differs,
}

/// KIND@RANK@STEP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    kind: Kind,
    rank: usize,
    step: u64,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a fault is KIND@RANK@STEP, for example dies@1@30".to_owned();
        let parts = text.split('@').collect::<Vec<_>>();
        let [kind, rank, step] = parts[..] else { return Err(wrong()) };
        let kind = match kind {
            "dies" => Kind::Dies,
            "unwritten" => Kind::Unwritten,
            "written" => Kind::Written,
            "fails" => Kind::Fails,
            "differs" => Kind::Differs,
            _ => return Err("the faults are dies, unwritten, written, fails and differs".to_owned()),
        };
        Ok(Fault { kind, rank: rank.parse().map_err(|_| wrong())?, step: step.parse().map_err(|_| wrong())? })
    }
}

impl Fault {
    /// Whether it is now.
    pub fn is(self, kind: Kind, rank: usize, step: u64) -> bool {
        self == Fault { kind, rank, step }
    }
}
