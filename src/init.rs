//! The table of initialisations. A further one is a variant with its entry here.

use std::fmt;
use std::str::FromStr;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::mlp::{Dense, Mlp};
use crate::named;

/// How the parameters of a new network are drawn, layer by layer, for a layer of `in` inputs and `out` outputs. Biases are 0,
/// but those of [`Init::PyTorch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Init {
    /// Normal, standard deviation `1 / √in`: the notebook's (LeCun et al. 1998). PyTorch: `normal_(0, in ** -0.5)`.
    #[default]
    LeCunNormal,
    /// Uniform in ±√(6 / (in + out)) (Glorot and Bengio 2010), for tanh and sigmoid. PyTorch: `xavier_uniform_`.
    XavierUniform,
    /// Normal, standard deviation `√(2 / (in + out))`. PyTorch: `xavier_normal_`.
    XavierNormal,
    /// Uniform in ±√(6 / in) (He et al. 2015), for relu and its kin. PyTorch: `kaiming_uniform_(nonlinearity='relu')`.
    HeUniform,
    /// Normal, standard deviation `√(2 / in)`. PyTorch: `kaiming_normal_(nonlinearity='relu')`.
    HeNormal,
    /// Uniform in ±1 / in in the first layer, and in ±√(6 / in) / ω in the others, with the ω of the layer before, or 1 where that
    /// has no [`Activation::Sine`] (SIREN, Sitzmann et al. 2020).
    Siren,
    /// Uniform in ±1 / √in, biases too: what `torch.nn.Linear` has.
    PyTorch,
}

/// How a layer's values are drawn.
enum Draw {
    /// Normal, of this standard deviation.
    Normal(f64),
    /// Uniform, from minus this to this.
    Uniform(f64),
}

impl Init {
    /// All initialisations.
    pub const ALL: &'static [Init] = &[
        Init::LeCunNormal,
        Init::XavierUniform,
        Init::XavierNormal,
        Init::HeUniform,
        Init::HeNormal,
        Init::Siren,
        Init::PyTorch,
    ];

    /// The initialisation's name: `lecun_normal`, `xavier_uniform`, …
    pub fn name(self) -> &'static str {
        match self {
            Init::LeCunNormal => "lecun_normal",
            Init::XavierUniform => "xavier_uniform",
            Init::XavierNormal => "xavier_normal",
            Init::HeUniform => "he_uniform",
            Init::HeNormal => "he_normal",
            Init::Siren => "siren",
            Init::PyTorch => "pytorch",
        }
    }

    /// How a layer's weights are drawn, and its biases, if they are; `before` is the layer before.
    fn draws(self, layer: &Dense, before: Option<&Dense>) -> (Draw, Option<Draw>) {
        let (inputs, outputs) = (layer.inputs as f64, layer.outputs as f64);
        let weights = match self {
            // As the first version computed it: a seed means the same bits.
            Init::LeCunNormal => Draw::Normal(inputs.sqrt().recip()),
            Init::XavierUniform => Draw::Uniform((6.0 / (inputs + outputs)).sqrt()),
            Init::XavierNormal => Draw::Normal((2.0 / (inputs + outputs)).sqrt()),
            Init::HeUniform => Draw::Uniform((6.0 / inputs).sqrt()),
            Init::HeNormal => Draw::Normal((2.0 / inputs).sqrt()),
            Init::Siren => Draw::Uniform(match before.map(|before| before.activation) {
                None => 1.0 / inputs,
                Some(Activation::Sine(omega)) => (6.0 / inputs).sqrt() / f64::from(omega).abs(),
                Some(_) => (6.0 / inputs).sqrt(),
            }),
            Init::PyTorch => Draw::Uniform(inputs.sqrt().recip()),
        };
        (weights, (self == Init::PyTorch).then(|| Draw::Uniform(inputs.sqrt().recip())))
    }

    /// The parameters of a network, which must have been checked.
    pub(crate) fn parameters(self, mlp: &Mlp, seed: u64) -> Vec<f32> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut parameters = Vec::with_capacity(mlp.parameter_count());
        // A hash grid begins with next to nothing: what is never touched adds no noise.
        draw(&mut generator, &Draw::Uniform(1e-4), mlp.grid_range().len(), &mut parameters);
        let mut before = None;
        for layer in mlp.layers() {
            let (weights, biases) = self.draws(layer, before);
            draw(&mut generator, &weights, layer.inputs * layer.outputs, &mut parameters);
            let count = if layer.bias { layer.outputs } else { 0 };
            match biases {
                Some(biases) => draw(&mut generator, &biases, count, &mut parameters),
                None => parameters.extend(std::iter::repeat_n(0.0, count)),
            }
            before = Some(layer);
        }
        parameters
    }
}

/// Draws values in f64, and rounds them to f32.
fn draw(generator: &mut Xoshiro256PlusPlus, draw: &Draw, count: usize, values: &mut Vec<f32>) {
    values.extend((0..count).map(|_| match *draw {
        Draw::Normal(deviation) => {
            let normal: f64 = StandardNormal.sample(generator);
            (normal * deviation) as f32
        }
        Draw::Uniform(bound) => ((2.0 * generator.random::<f64>() - 1.0) * bound) as f32,
    }));
}

impl fmt::Display for Init {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Init {
    type Err = Error;

    /// # Errors
    /// [`Error::Name`] for what names no initialisation.
    fn from_str(text: &str) -> Result<Self> {
        named::parse(("initialisation", "Init::from_str"), Init::ALL, text, Init::name, |_, _| None)
    }
}
