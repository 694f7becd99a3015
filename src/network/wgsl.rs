//! The network as a WGSL function, for the app's shaders.

use super::Network;
use crate::codegen::{LONGEST_LOOP, function};
use crate::error::{Error, Result};

/// The widest layer that a function supports.
const WIDEST: usize = 256;

/// Names that the function cannot have: WGSL's keywords, its reserved words, and the names that the source uses.
const RESERVED: [&str; 3] = [
    "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if \
     let loop override requires return struct switch true var while",
    "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class \
     co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval \
     constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export \
     extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl \
     implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move \
     mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null \
     nullptr of operator package packoffset partial partition pass patch pixelfragment precise precision premerge priv \
     protected pub public readonly ref regardless register reinterpret_cast require resource restrict self set shared \
     sizeof smooth snorm static static_assert static_cast std subroutine super target template this thread_local \
     throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual \
     volatile wgsl where with writeonly yield",
    "abs array clamp exp f32 floor input max min read round select storage vec2 vec3 vec4",
];

impl Network {
    /// The network as WGSL source: a function `fn name(input: array<f32, INPUTS>) -> array<f32, OUTPUTS>`, for the app to
    /// put before any shader of its own, and the one binding that it reads, [`Network::parameters`] as a read-only storage
    /// buffer at `group` and `binding`. It can be called in every shader stage, also during training: it uses the
    /// parameters as they are when the shader runs.
    ///
    /// Its results are those of [`Network::forward`] within 1e-6; for a network that ends without a sigmoid, whose results
    /// may be large, within 1e-6 of the largest. In a fragment shader, derivatives of a result (`fwidth`, `dpdx`, …) may be
    /// wrong along the edge of a triangle: some drivers read no buffers past it.
    ///
    /// A layer of more than 1,024 weights is a loop. The source states the loop iterations per call. All loops of an
    /// invocation together, the app's included, should stay below 32,768 iterations: some drivers silently stop them later
    /// (Mesa 22 after 65,535), and the results are wrong.
    ///
    /// Call it in one place of a shader, in a loop where several points are asked: drivers write it out wherever it is called, and
    /// may compile for minutes where that is in seven places.
    ///
    /// All other names in the source begin with `name_` (`name_parameters`, `name_sigmoid_value4`): a shader can contain
    /// several networks.
    ///
    /// ```no_run
    /// # fn shader(device: &wgpu::Device, network: &wgrad::Network) -> wgrad::Result<wgpu::ShaderModule> {
    /// let function = network.wgsl("mlp_forward", 0, 0)?; // for a network with two inputs and one output
    /// let fragment = "
    ///     @fragment fn fragment(@builtin(position) pixel: vec4<f32>) -> @location(0) vec4<f32> {
    ///         let y = mlp_forward(array<f32, 2>(pixel.x / 512.0, pixel.y / 512.0));
    ///         return vec4<f32>(y[0], y[0], y[0], 1.0);
    ///     }";
    /// let source = wgpu::ShaderSource::Wgsl((function + fragment).into());
    /// # Ok(
    /// device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("surface"), source })
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`] for a `name` that is not a WGSL identifier, [`Error::Count`] for a `group` or
    /// `binding` past the device's limits, a layer wider than 256, more loop iterations than an invocation may run, or
    /// a population.
    pub fn wgsl(&self, name: &str, group: u32, binding: u32) -> Result<String> {
        let operation = "Network::wgsl";
        self.check_single(operation)?;
        check_name(name)?;
        let limits = self.gpu.limits();
        for (what, index, limit, allowed) in [
            ("group", group, "max_bind_groups", limits.max_bind_groups),
            ("binding", binding, "max_bindings_per_bind_group", limits.max_bindings_per_bind_group),
        ] {
            if index >= allowed {
                let most = allowed.saturating_sub(1).into();
                let rule = format!("the device's {limit} is {allowed}");
                return Err(Error::count(operation, what, index.into(), [0, most], &rule));
            }
        }
        let inputs = self.mlp.input_width().max(self.mlp.encoded_width());
        let widths = [inputs].into_iter().chain(self.mlp.layers().iter().map(|layer| layer.outputs));
        if let Some((layer, width)) = widths.enumerate().find(|&(_, width)| width > WIDEST) {
            let what = format!("the width of layer {layer} (0 is the input)");
            let rule = "use narrower layers, or Network::forward";
            return Err(Error::count(operation, &what, width as u64, [1, WIDEST as u64], rule));
        }
        let (source, iterations) = function::write(&self.mlp, name, [group, binding]);
        let most = LONGEST_LOOP.into();
        if iterations > most {
            let rule = "use fewer or narrower layers, or Network::forward";
            return Err(Error::count(operation, "a call's number of loop iterations", iterations, [0, most], rule));
        }
        Ok(source)
    }
}

/// Refuses a name that a WGSL function cannot have.
fn check_name(name: &str) -> Result<()> {
    let mut letters = name.chars();
    let is_identifier = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !RESERVED.iter().any(|words| words.split(' ').any(|word| word == name));
    if is_identifier {
        return Ok(());
    }
    let problem = "cannot name a function in WGSL; give letters, digits and _, the first a letter";
    Err(Error::Name { operation: "Network::wgsl", name: name.to_owned(), problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::check_name;
    use crate::activation::Activation;
    use crate::codegen::function::write;
    use crate::codegen::tests::assert_valid;
    use crate::mlp::Mlp;

    #[test]
    fn every_word_that_wgsl_reserves_is_refused() {
        // The words that naga reserves, built-in functions and types among them, and the words of the source itself.
        let mlp = |activation| Mlp::inputs(40).linear(40).bias().activation(activation);
        let own = Activation::ALL.iter().map(|&activation| write(&mlp(activation), "f", [0, 0]).0).collect::<String>();
        let own =
            own.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| *word != "f");
        let mut refused = 0;
        // A word that is taken must do for any source: each for another activation's, since there are hundreds.
        let activations = Activation::ALL.iter().cycle();
        for (name, &activation) in naga::keywords::wgsl::RESERVED.iter().copied().chain(own).zip(activations) {
            match check_name(name) {
                Ok(()) => drop(assert_valid(name, &write(&mlp(activation), name, [0, 0]).0)),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 100, "{refused}");
        for name in ["mlp_forward", "f", "F", "x0", "network_of_the_app_2"] {
            assert_eq!(check_name(name), Ok(()));
        }
    }
}
