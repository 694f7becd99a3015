//! The table of activations.

use std::fmt;

/// The function that a dense layer applies to each of its pre-activations `z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// `y = z`.
    #[default]
    Identity,
    /// `y = 1 / (1 + e^-z)`.
    Sigmoid,
}

/// The value and derivative of an activation other than the identity, for the reference and for shaders.
pub(crate) struct Formula {
    /// Its name in messages, files and WGSL, where the functions are `name_value` and `name_derivative`.
    pub name: &'static str,
    /// `y`, from `z`.
    pub value: fn(f64) -> f64,
    /// `dy/dz`, from `y`.
    pub derivative: fn(f64) -> f64,
    /// Both functions in WGSL, for f32.
    pub wgsl: &'static str,
}

const SIGMOID: Formula = Formula {
    name: "sigmoid",
    // For a negative z, e^z / (1 + e^z) is the same: e is never raised to a positive power, which could overflow.
    value: |z| {
        let e = (-z.abs()).exp();
        if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
    },
    derivative: |y| y * (1.0 - y),
    wgsl: include_str!("../shaders/activations/sigmoid.wgsl"),
};

impl Activation {
    /// All activations.
    pub const ALL: &'static [Activation] = &[Activation::Identity, Activation::Sigmoid];

    /// The activation's formulas; `None` for the identity.
    pub(crate) fn formula(self) -> Option<&'static Formula> {
        match self {
            Activation::Identity => None,
            Activation::Sigmoid => Some(&SIGMOID),
        }
    }

    /// The activation's name: `identity`, `sigmoid`.
    pub fn name(self) -> &'static str {
        self.formula().map_or("identity", |formula| formula.name)
    }

    /// `y`, from a pre-activation `z`.
    pub(crate) fn value(self, z: f64) -> f64 {
        self.formula().map_or(z, |formula| (formula.value)(z))
    }

    /// `dy/dz`, from the output `y`.
    pub(crate) fn derivative(self, y: f64) -> f64 {
        self.formula().map_or(1.0, |formula| (formula.derivative)(y))
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
