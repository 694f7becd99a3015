//! Exclusive or, as the notebook learns it.

pub const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];

/// The first output is for class 0, the second for class 1. A sigmoid never reaches 0 or 1, so the targets are 0.01 and
/// 0.99.
pub const TARGETS: [[f32; 2]; 4] = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];

/// The targets of two outputs for the classes: `other` of the class that it is not, `own` of the class that it is.
pub fn targets([other, own]: [f32; 2]) -> [[f32; 2]; 4] {
    TARGETS.map(|target| target.map(|value| if value > 0.5 { own } else { other }))
}
