//! The network as a WGSL function, for shaders of the app's own.
//!
//! The text is written for the network: a small layer is written out, as sums of vectors of up to four outputs each, a
//! larger one is a loop over its outputs, its inputs or both, four by four. The parameters are read as vectors of four
//! numbers, wherever a layer's rows begin: loops go by whole vectors, and what is beside them is known when the text is
//! written.

use super::Network;
use crate::error::{Error, Result};
use crate::kernels::LONGEST_LOOP;
use crate::mlp::{LayerKind, Mlp};
use crate::wgsl::{Part, Text, parts, place};

/// The widest layer that a function is written for.
const WIDEST: usize = 256;

/// A layer of up to so many weights, 32 inputs by 32 outputs, is written out. Loops take no less time anywhere, and four
/// times as much where what stands between two layers cannot stay in registers, as on Mesa 25.
const MOST_WRITTEN_OUT: u32 = 1024;

/// A larger layer goes through its inputs in a loop where there are more than this, and so through its outputs.
const LONGEST_WRITTEN_OUT: u32 = 16;

/// The terms that are added up before they are added to a sum: rounded a quarter as often as one by one.
const TERMS: usize = 4;

/// What names no function: WGSL's keywords, the words that it reserves, and those that the text means otherwise.
const TAKEN: [&str; 3] = [
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
    "abs array exp f32 input read select storage vec2 vec3 vec4",
];

impl Network {
    /// The network as a function in WGSL, `fn name(input: array<f32, INPUTS>) -> array<f32, OUTPUTS>`, for the app to put
    /// before any shader of its own, and the one binding that the function reads: [`Network::parameters`], as a read-only
    /// storage buffer, at `group` and `binding`. It may be called in every stage, also while a trainer is at work: it computes with the parameters as they are when the shader runs.
    ///
    /// Its results are those of [`Network::forward`] within 1e-6; of a network that ends without a sigmoid, whose results
    /// may be large, within 1e-6 of the largest. In a fragment shader, `fwidth` and its kin of a result may be wrong along
    /// the edge of a triangle, past which some drivers read no buffers.
    ///
    /// A layer of more than 1,024 weights is a loop; how many loop iterations a call goes through is said in the text. All
    /// loops of an invocation together, the app's own included, should stay below 32,768 iterations: some drivers stop
    /// them later without a word (Mesa 22 after 65,535), and the results are wrong.
    ///
    /// All other names in the text begin with `name_` (`name_parameters`, `name_sigmoid4`), so that a shader can have
    /// several networks.
    ///
    /// ```no_run
    /// # fn shader(device: &wgpu::Device, network: &wgrad::Network) -> wgrad::Result<wgpu::ShaderModule> {
    /// let function = network.wgsl("mlp_forward", 0, 0)?; // of a network with two inputs and one output
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
    /// [`Error::FunctionName`] for a `name` that is no identifier in WGSL, [`Error::BindingIndex`] for a `group` or
    /// `binding` past the device's limits, [`Error::TooWide`] for a layer wider than 256, [`Error::TooManyIterations`] for
    /// more loop iterations than an invocation may run, [`Error::Population`].
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
                return Err(Error::BindingIndex { operation, what, index, limit, allowed });
            }
        }
        let widths = [self.mlp.input_width()].into_iter().chain(self.mlp.layers().iter().map(LayerKind::output_width));
        if let Some((layer, width)) = widths.enumerate().find(|&(_, width)| width > WIDEST) {
            return Err(Error::TooWide { operation, layer, width, most: WIDEST });
        }
        let function = text(&self.mlp, name, [group, binding]);
        if function.iterations > LONGEST_LOOP.into() {
            let (found, most) = (function.iterations, LONGEST_LOOP.into());
            return Err(Error::TooManyIterations { operation, found, most });
        }
        Ok(function.text.finish())
    }
}

/// Refuses what cannot name a function in WGSL.
fn check_name(name: &str) -> Result<()> {
    let mut letters = name.chars();
    let is_identifier = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !TAKEN.iter().any(|words| words.split(' ').any(|word| word == name));
    if is_identifier { Ok(()) } else { Err(Error::FunctionName { name: name.to_owned() }) }
}

/// A function that is being written.
struct Function<'a> {
    name: &'a str,
    text: Text,
    /// The loop iterations of a call.
    iterations: u64,
}

/// A linear layer, and the sigmoid layers after it.
struct Stage {
    /// Its number.
    index: usize,
    inputs: u32,
    outputs: u32,
    bias: bool,
    sigmoids: usize,
    /// The place of its first weight among the parameters.
    first: u32,
}

impl Stage {
    fn is_written_out(&self) -> bool {
        self.inputs * self.outputs <= MOST_WRITTEN_OUT
    }

    fn loops_over_inputs(&self) -> bool {
        !self.is_written_out() && self.inputs > LONGEST_WRITTEN_OUT
    }

    fn loops_over_outputs(&self) -> bool {
        !self.is_written_out() && self.outputs > LONGEST_WRITTEN_OUT
    }

    /// The place of the weight of an input to an output; of the input after the last, of the bias.
    fn weight(&self, input: u32, output: u32) -> u32 {
        self.first + input * self.outputs + output
    }
}

/// The names of the arrays.
const ARRAYS: [&str; 2] = ["even", "odd"];

/// The numbers between two layers.
#[derive(Clone)]
struct Activation {
    name: String,
    width: u32,
    /// Whether they stand in an array of vectors, for a loop to go through; otherwise each vector is a variable.
    is_array: bool,
}

impl Activation {
    fn part(&self, part: Part) -> String {
        if self.is_array { format!("{}[{}]", self.name, part.index) } else { format!("{}_{}", self.name, part.index) }
    }

    fn number(&self, number: u32) -> String {
        let index = number / 4;
        let width = if self.is_array { 4 } else { (self.width - 4 * index).min(4) };
        let part = Part { index, first: 4 * index, width };
        part.number(&self.part(part), number % 4)
    }
}

/// The numbers of the widths that fit in 32 bits, as those up to [`WIDEST`] do.
fn stages(mlp: &Mlp) -> (usize, Vec<Stage>) {
    let (mut leading_sigmoids, mut stages) = (0, Vec::<Stage>::new());
    for (range, layer) in mlp.parameter_ranges().iter().zip(mlp.layers()) {
        match (*layer, stages.last_mut()) {
            (LayerKind::Linear { inputs, outputs, bias }, _) => stages.push(Stage {
                index: stages.len(),
                inputs: inputs as u32,
                outputs: outputs as u32,
                bias,
                sigmoids: 0,
                first: range.start as u32,
            }),
            (LayerKind::Sigmoid { .. }, Some(stage)) => stage.sigmoids += 1,
            (LayerKind::Sigmoid { .. }, None) => leading_sigmoids += 1,
        }
    }
    (leading_sigmoids, stages)
}

fn text<'a>(mlp: &Mlp, name: &'a str, [group, binding]: [u32; 2]) -> Function<'a> {
    let mut function = Function { name, text: Text::default(), iterations: 0 };
    let (leading_sigmoids, stages) = stages(mlp);
    let (inputs, outputs) = (mlp.input_width() as u32, mlp.output_width() as u32);

    // First what it calls, then the function itself, which alone knows how long it runs.
    let with_sigmoids = stages.iter().filter(|stage| stage.sigmoids > 0).map(|stage| stage.outputs);
    let with_sigmoids = with_sigmoids.chain((leading_sigmoids > 0).then_some(inputs));
    let widths = with_sigmoids.flat_map(parts).map(|part| part.width).collect::<Vec<_>>();
    function.text.sigmoids(&format!("{name}_"), widths);
    function.line("");
    function.line(format!("fn {name}(input: array<f32, {inputs}>) -> array<f32, {outputs}> {{"));
    // Two arrays take turns between layers that are loops: WGSL promises 8,192 bytes of variables, not one a layer.
    let looped = stages.iter().filter(|stage| !stage.is_written_out());
    if let Some(widest) = looped.map(|stage| stage.inputs.max(stage.outputs)).max() {
        for name in ARRAYS {
            function.line(format!("var {name}: array<vec4<f32>, {}>;", widest.div_ceil(4)));
        }
    }
    let in_array = stages.first().is_some_and(Stage::loops_over_inputs);
    let mut x = function.input(inputs, leading_sigmoids, in_array);
    for stage in &stages {
        function.line("");
        let Stage { index, inputs, outputs, .. } = stage;
        let bias = if stage.bias { " with bias" } else { "" };
        function.line(format!("// linear layer {index}: {inputs} → {outputs}{bias}"));
        x = function.layer(stage, x);
    }
    function.line("");
    let numbers = (0..outputs).map(|number| x.number(number)).collect::<Vec<_>>();
    function.list("return", &format!("array<f32, {outputs}>"), &numbers);
    function.line("}");

    let body = std::mem::take(&mut function.text).finish();
    let parameters = mlp.parameter_count();
    function.line(format!("// {name}   {mlp}, for one sample     reference: NeuralNetwork::forward"));
    function.line("//");
    function.line(
        "// Each layer is y = x · w, with a bias y = x · w + b, a sigmoid 1 / (1 + e^-y). Four outputs are a vector.",
    );
    function.line(format!(
        "// A call goes through {} loop iterations; all loops of an invocation should stay below {LONGEST_LOOP}.",
        function.iterations
    ));
    if parameters > 0 {
        let quads = parameters.div_ceil(4);
        function.line("//");
        function.line(format!(
            "//   {name}_parameters  [{parameters}]  layer after layer, a row an input, a bias the last row"
        ));
        function.line("");
        function.line(format!(
            "@group({group}) @binding({binding}) var<storage, read> {name}_parameters: array<vec4<f32>, {quads}>;"
        ));
    }
    function.text.paste(body.trim_end());
    function
}

impl Function<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.line(line);
    }

    /// A statement that makes a value of a type out of its items.
    fn list(&mut self, statement: &str, ty: &str, items: &[String]) {
        const ITEMS_A_LINE: usize = 8;
        if items.len() <= ITEMS_A_LINE {
            return self.line(format!("{statement} {ty}({});", items.join(", ")));
        }
        self.line(format!("{statement} {ty}("));
        for items in items.chunks(ITEMS_A_LINE) {
            self.line(format!("{},", items.join(", ")));
        }
        self.line(");");
    }

    /// `width` of the parameters: `offset` numbers after the vector number `base`.
    fn parameters(&self, base: &str, offset: u32, width: u32) -> String {
        let end = offset + width;
        let vectors = (offset / 4..end.div_ceil(4)).map(|vector| {
            let (first, last) = (offset.max(4 * vector) - 4 * vector, end.min(4 * vector + 4) - 4 * vector);
            let place = if base.is_empty() { vector.to_string() } else { place(base, vector) };
            let letters = &"xyzw"[first as usize..last as usize];
            let swizzle = if letters.len() == 4 { String::new() } else { format!(".{letters}") };
            format!("{}_parameters[{place}]{swizzle}", self.name)
        });
        let vectors = vectors.collect::<Vec<_>>();
        match vectors.as_slice() {
            [vector] => vector.clone(),
            _ => Part { index: 0, first: 0, width }.of(vectors),
        }
    }

    /// Puts the variable `name` through sigmoid layers.
    fn sigmoids(&mut self, name: &str, width: u32, sigmoids: usize) {
        for _ in 0..sigmoids {
            self.line(format!("{name} = {}_sigmoid{width}({name});", self.name));
        }
    }

    fn input(&mut self, width: u32, sigmoids: usize, in_array: bool) -> Activation {
        let x = Activation { name: "x".to_owned(), width, is_array: false };
        for part in parts(width) {
            let numbers = part.of((part.first..part.first + part.width).map(|number| format!("input[{number}]")));
            let keyword = if sigmoids > 0 { "var" } else { "let" };
            self.line(format!("{keyword} {} = {numbers};", x.part(part)));
            self.sigmoids(&x.part(part), part.width, sigmoids);
        }
        if in_array { self.array(x) } else { x }
    }

    /// The same numbers in an array.
    fn array(&mut self, x: Activation) -> Activation {
        if x.is_array {
            return x;
        }
        let array = Activation { name: ARRAYS[0].to_owned(), is_array: true, ..x };
        for part in parts(x.width) {
            self.line(format!("{} = {};", array.part(part), padded(&x.part(part), part.width)));
        }
        array
    }

    fn layer(&mut self, stage: &Stage, x: Activation) -> Activation {
        let x = if stage.loops_over_inputs() { self.array(x) } else { x };
        let (width, in_parts) = (stage.outputs, format!("y{}", stage.index));
        if !stage.loops_over_outputs() {
            let y = Activation { name: in_parts, width, is_array: false };
            self.outputs(stage, &x, "", parts(width).map(|part| (part, y.part(part))).collect());
            return y;
        }
        let name = if x.name == ARRAYS[0] { ARRAYS[1] } else { ARRAYS[0] };
        let y = Activation { name: name.to_owned(), width, is_array: true };
        let whole = stage.outputs / 4;
        self.line(format!("for (var o = 0u; o < {whole}u; o++) {{"));
        let before = self.iterations;
        let part = Part { index: 0, first: 0, width: 4 };
        self.outputs(stage, &x, "o", vec![(part, "y".to_owned())]);
        self.line(format!("{}[o] = y;", y.name));
        self.line("}");
        self.iterations = before + u64::from(whole) * (1 + self.iterations - before);
        if let Some(part) = parts(stage.outputs).nth(whole as usize) {
            let rest = format!("{in_parts}_{whole}");
            self.outputs(stage, &x, "", vec![(part, rest.clone())]);
            self.line(format!("{}[{whole}] = {};", y.name, padded(&rest, part.width)));
        }
        y
    }

    /// Some parts of a layer's outputs, each into the variable named: those so many vectors after the loop variable `o`,
    /// or after the first.
    fn outputs(&mut self, stage: &Stage, x: &Activation, o: &str, parts: Vec<(Part, String)>) {
        if !stage.loops_over_inputs() {
            for (part, name) in parts {
                let weights = |input| self.parameters(o, stage.weight(input, part.first), part.width);
                let terms = (0..stage.inputs).map(|input| format!("{} * {}", x.number(input), weights(input)));
                let terms = terms.chain(stage.bias.then(|| weights(stage.inputs))).collect::<Vec<_>>();
                let keyword = if stage.sigmoids > 0 || terms.len() > TERMS { "var" } else { "let" };
                let mut begin = format!("{keyword} {name} =");
                for terms in terms.chunks(TERMS) {
                    self.text.sum(1, &begin, terms.to_vec());
                    begin = format!("{name} +=");
                }
                self.sigmoids(&name, part.width, stage.sigmoids);
            }
            return;
        }
        for (part, name) in &parts {
            let bias = self.parameters(o, stage.weight(stage.inputs, part.first), part.width);
            let begin = if stage.bias { bias } else { format!("{}()", part.ty()) };
            self.line(format!("var {name} = {begin};"));
        }
        let whole = stage.inputs / 4;
        self.line(format!("for (var i = 0u; i < {whole}u; i++) {{"));
        self.line(format!("let x = {}[i];", x.name));
        // Four rows of weights are as many vectors as there are outputs.
        let vectors = if stage.outputs == 1 { "i".to_owned() } else { format!("i * {}u", stage.outputs) };
        let at = if o.is_empty() { vectors } else { format!("{vectors} + {o}") };
        self.line(format!("let at = {at};"));
        for (part, name) in &parts {
            let terms = ["x", "y", "z", "w"].iter().zip(0..).map(|(letter, input)| {
                format!("x.{letter} * {}", self.parameters("at", stage.weight(input, part.first), part.width))
            });
            let terms = terms.collect();
            self.text.sum(1, &format!("{name} +="), terms);
        }
        self.line("}");
        self.iterations += u64::from(whole);
        for (part, name) in &parts {
            for input in 4 * whole..stage.inputs {
                let weights = self.parameters(o, stage.weight(input, part.first), part.width);
                self.line(format!("{name} += {} * {weights};", x.number(input)));
            }
            self.sigmoids(name, part.width, stage.sigmoids);
        }
    }
}

/// A part as a vector of four.
fn padded(part: &str, width: u32) -> String {
    match width {
        4 => part.to_owned(),
        _ => format!("vec4<f32>({part}{})", ", 0.0".repeat(4 - width as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgsl::tests::{assert_checked_in, assert_valid};

    include!("../../tests/common/networks.rs");

    /// Both stages call the function.
    const CALLS: &str = "
@fragment
fn fragment(@builtin(position) pixel: vec4<f32>) -> @location(0) vec4<f32> {
    var input: array<f32, INPUTS>;
    input[0] = pixel.x;
    return vec4<f32>(NAME(input)[0]);
}
@compute @workgroup_size(1)
fn compute() {
    var input: array<f32, INPUTS>;
    _ = NAME(input)[0];
}
";

    fn wide_networks() -> Vec<Mlp> {
        [1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 64, 127, 255, 256]
            .into_iter()
            .flat_map(|width| {
                [
                    Mlp::inputs(width).linear(7).bias().sigmoid(),
                    Mlp::inputs(13).linear(width).bias().sigmoid(),
                    Mlp::inputs(2).linear(width).bias().sigmoid().linear(width).linear(1).sigmoid(),
                    Mlp::inputs(3).sigmoid().linear(width).linear(17).bias().sigmoid().sigmoid().linear(width).bias(),
                ]
            })
            .collect()
    }

    #[test]
    fn every_text_passes_naga_and_where_it_is_installed_tint() {
        let mut networks = networks();
        networks.extend(wide_networks());
        networks.push(Mlp::inputs(6).sigmoid().sigmoid());
        for mlp in &networks {
            let calls = CALLS.replace("INPUTS", &mlp.input_width().to_string());
            // Two networks in one shader.
            let texts = [("mlp_forward", [0, 0]), ("other", [3, 999])]
                .map(|(name, place)| text(mlp, name, place).text.finish() + &calls.replace("NAME", name));
            let [first, second] = &texts;
            let second = second.replace("fn fragment", "fn other_fragment").replace("fn compute", "fn other_compute");
            assert_valid(&mlp.to_string(), &format!("{first}{second}"));
        }
        assert_eq!(networks.len(), 30 + 4 * 14 + 1);
    }

    #[test]
    fn every_word_that_wgsl_reserves_is_refused() {
        // Those that naga knows, which has built-in functions and types among them; and what the text itself says.
        let mlp = Mlp::inputs(40).linear(40).bias().sigmoid();
        let own = text(&mlp, "f", [0, 0]).text.finish();
        let own =
            own.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| *word != "f");
        let mut refused = 0;
        for name in naga::keywords::wgsl::RESERVED.iter().copied().chain(own) {
            match check_name(name) {
                Ok(()) => assert_valid(name, &text(&mlp, name, [0, 0]).text.finish()),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 100, "{refused}");
        for name in ["mlp_forward", "f", "F", "x0", "network_of_the_app_2"] {
            assert_eq!(check_name(name), Ok(()));
        }
    }

    #[test]
    fn texts_read_well() {
        let text = |mlp: Mlp| super::text(&mlp, "mlp_forward", [0, 1]).text.finish();
        assert_checked_in(
            "function_written_out.wgsl",
            include_str!("../../tests/samples/function_written_out.wgsl"),
            &text(Mlp::inputs(2).linear(6).bias().sigmoid().linear(1).sigmoid()),
        );
        assert_checked_in(
            "function_in_loops.wgsl",
            include_str!("../../tests/samples/function_in_loops.wgsl"),
            &text(Mlp::inputs(9).linear(130).sigmoid().linear(18).bias().sigmoid().linear(3)),
        );
    }

    /// The loops of a text that is indented by its blocks, counted by who knows nothing of how it was written.
    #[test]
    fn a_call_goes_through_the_iterations_that_its_text_says() {
        for mlp in networks().into_iter().chain(wide_networks()) {
            let function = text(&mlp, "f", [0, 0]);
            let (said, text) = (function.iterations, function.text.finish());
            let (mut total, mut blocks) = (0, Vec::<u64>::new());
            for line in text.lines().map(str::trim) {
                if line.starts_with('}') {
                    blocks.pop();
                }
                if line.ends_with('{') {
                    let times = line.strip_prefix("for (var ").map(|header| {
                        let bound = header.split(" < ").nth(1).and_then(|rest| rest.split("u;").next());
                        bound.unwrap().parse::<u64>().unwrap()
                    });
                    blocks.push(times.unwrap_or(1));
                    total += if times.is_some() { blocks.iter().product() } else { 0 };
                }
            }
            assert_eq!(total, said, "{mlp}");
            assert!(text.contains(&format!("goes through {said} loop iterations")), "{mlp}");
        }
        assert_eq!(text(&Mlp::inputs(256).linear(256), "f", [0, 0]).iterations, 64 + 64 * 64);
    }
}
