//! A network as a WGSL function, for shaders of the app's own.
//!
//! It is written for the network: a small layer is unrolled, as sums of vectors of up to four outputs each; a larger one is a
//! loop over its outputs, sixteen per iteration, its inputs, four, or both. The parameters are read as vectors of four values, wherever a
//! layer's rows begin: loops step by whole vectors, so that the offsets within a vector are known when the function is written.

use super::encoding;
use super::functions::{self, Call, value};
use super::grid;
use super::head::share;
use super::persistent::LOWEST;
use super::source::Source;
use super::spec::{LONGEST_LOOP, Layer};
use super::vectors::{Chunk, chunks, plus};
use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::mlp::Mlp;

/// The most weights of a layer that is unrolled: 32 inputs by 32 outputs. In loops, that layer takes five times as long on
/// Mesa 25 and a third more on SwiftShader; unrolled, a second more to compile. Twice as many weights take ten seconds.
const MOST_UNROLLED: u32 = 1024;

/// A larger layer loops over its inputs if there are more than this, and likewise over its outputs.
const LONGEST_UNROLLED: u32 = 16;

/// The vectors of outputs that an iteration of a loop over outputs takes: an input is read for all of them.
const GROUP: u32 = 4;

/// The terms that are added up before they are added to a sum, which then is rounded a quarter as often.
const TERMS: usize = 4;

/// A function that is being written.
struct Exported<'a> {
    name: &'a str,
    source: Source,
    /// The loop iterations of a call.
    iterations: u64,
}

impl Layer {
    fn is_unrolled(&self) -> bool {
        self.inputs * self.outputs <= MOST_UNROLLED
    }

    fn loops_over_inputs(&self) -> bool {
        !self.is_unrolled() && self.inputs > LONGEST_UNROLLED
    }

    fn loops_over_outputs(&self) -> bool {
        !self.is_unrolled() && self.outputs > LONGEST_UNROLLED
    }
}

/// The names of the arrays.
const ARRAYS: [&str; 2] = ["even", "odd"];

/// The values between two layers.
struct Values {
    name: String,
    width: u32,
    /// Whether they are an array of vectors, which a loop can index; otherwise each vector is a variable.
    is_array: bool,
}

impl Values {
    #[inline(never)]
    fn chunk(&self, index: u32) -> String {
        if self.is_array { format!("{}[{index}]", self.name) } else { format!("{}_{index}", self.name) }
    }

    #[inline(never)]
    fn value(&self, index: u32) -> String {
        let chunk = index / 4;
        let width = if self.is_array { 4 } else { Chunk::at(chunk, self.width).width };
        Chunk { index: chunk, first: 4 * chunk, width }.component(&self.chunk(chunk), index % 4)
    }
}

/// The function for a network, and the loop iterations of a call.
pub(crate) fn write(mlp: &Mlp, name: &str, [group, binding]: [u32; 2]) -> (String, u64) {
    let layers = Layer::of(mlp);
    let mut function = Exported { name, source: Source::default(), iterations: 0 };
    // The functions that it calls, then its body, which counts the iterations for the heading.
    let uses = layers.iter().flat_map(|layer| chunks(layer.outputs).map(|chunk| (layer.activation, chunk.width)));
    let mut calls = functions::calls(false, &uses.collect::<Vec<_>>());
    if mlp.last_activation() == Activation::Softmax {
        calls.push(Call { name: "softmax_share".to_owned(), width: 1 });
    }
    calls.extend(encoding::calls(mlp.input_encoding().filter(|encoding| encoding.grid().is_none()), false));
    functions::write(&mut function.source, &format!("{name}_"), &calls);
    if let Some(grid) = mlp.grid() {
        grid::functions_of(&mut function.source, grid, mlp.input_width() as u32, name);
    }
    function.body(mlp, &layers);

    let body = std::mem::take(&mut function.source).finish();
    let parameters = mlp.parameter_count();
    let of_grid = if mlp.grid().is_some() { "the features of a hash grid, then " } else { "" };
    function.source.comment(&[
        &format!("{name}   {mlp}, for one sample     reference: NeuralNetwork::forward"),
        "",
        "Each layer is y = x · w, with a bias y = x · w + b, then its activation. Four outputs are a vector.",
        &format!(
            "A call goes through {} loop iterations; all loops of an invocation should stay below {LONGEST_LOOP}.",
            function.iterations
        ),
        "",
        &format!(
            "  {name}_parameters  [{parameters}]  {of_grid}layer after layer, a row an input, a bias the last row"
        ),
    ]);
    let vectors = parameters.div_ceil(4);
    function.line("");
    function.line(format!(
        "@group({group}) @binding({binding}) var<storage, read> {name}_parameters: array<vec4<f32>, {vectors}>;"
    ));
    function.source.paste(body.trim_end());
    (function.source.finish(), function.iterations)
}

impl Exported<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.source.line(line);
    }

    fn body(&mut self, mlp: &Mlp, layers: &[Layer]) {
        let (inputs, outputs) = (mlp.input_width() as u32, mlp.output_width() as u32);
        self.line("");
        self.line(format!("fn {}(input: array<f32, {inputs}>) -> array<f32, {outputs}> {{", self.name));
        // Two arrays alternate between layers with loops: WGSL guarantees 8,192 bytes of variables, not one array per layer.
        let looped = layers.iter().filter(|layer| !layer.is_unrolled());
        if let Some(widest) = looped.map(|layer| layer.inputs.max(layer.outputs)).max() {
            for name in ARRAYS {
                self.line(format!("var {name}: array<vec4<f32>, {}>;", widest.div_ceil(4)));
            }
        }
        let mut x = self.input(mlp);
        for (l, layer) in layers.iter().enumerate() {
            let Layer { inputs, outputs, .. } = layer;
            let bias = if layer.bias { " with bias" } else { "" };
            self.line("");
            self.source.comment(&[&format!("layer {l}: {inputs} → {outputs}{bias}")]);
            x = self.layer(l, layer, x);
        }
        self.line("");
        let values = (0..outputs).map(|index| x.value(index)).collect::<Vec<_>>();
        if mlp.last_activation() == Activation::Softmax {
            self.results("var y =", &values);
            self.softmax(outputs);
        } else {
            self.results("return", &values);
        }
        self.line("}");
    }

    /// The statement `begin` with an array of the outputs, several per line.
    fn results(&mut self, begin: &str, outputs: &[String]) {
        const OUTPUTS_PER_LINE: usize = 8;
        let ty = format!("array<f32, {}>", outputs.len());
        if outputs.len() <= OUTPUTS_PER_LINE {
            return self.line(format!("{begin} {ty}({});", outputs.join(", ")));
        }
        self.line(format!("{begin} {ty}("));
        for outputs in outputs.chunks(OUTPUTS_PER_LINE) {
            self.line(format!("{},", outputs.join(", ")));
        }
        self.line(");");
    }

    /// Returns the softmax of the array `y` of pre-activations.
    fn softmax(&mut self, outputs: u32) {
        let each = format!("for (var i = 0u; i < {outputs}u; i++) {{");
        let share = format!("{}_{}", self.name, share(1, "y[i]", "maximum"));
        self.source.comment(&["softmax"]);
        self.source.lines(&[
            &format!("var maximum = {LOWEST};"),
            &each,
            "maximum = max(maximum, y[i]);",
            "}",
            "var sum = 0.0;",
            &each,
            &format!("y[i] = {share};"),
            "sum += y[i];",
            "}",
            &each,
            "y[i] /= sum;",
            "}",
            "return y;",
        ]);
        self.iterations += 3 * u64::from(outputs);
    }

    /// `width` parameters, from the one `offset` values after vector number `base`.
    fn parameters(&self, base: &str, offset: u32, width: u32) -> String {
        let end = offset + width;
        let vectors = (offset / 4..end.div_ceil(4)).map(|vector| {
            let (first, last) = (offset.max(4 * vector) - 4 * vector, end.min(4 * vector + 4) - 4 * vector);
            let index = if base.is_empty() { vector.to_string() } else { plus(base, vector) };
            let components = &"xyzw"[first as usize..last as usize];
            let swizzle = if components.len() == 4 { String::new() } else { format!(".{components}") };
            format!("{}_parameters[{index}]{swizzle}", self.name)
        });
        let vectors = vectors.collect::<Vec<_>>();
        match vectors.as_slice() {
            [vector] => vector.clone(),
            _ => Chunk { index: 0, first: 0, width }.of(&vectors),
        }
    }

    /// Makes the variable `name` of pre-activations one of outputs.
    fn activate(&mut self, layer: &Layer, name: &str, width: u32) {
        if layer.activation.formula().is_some() {
            let prefix = format!("{}_", self.name);
            self.line(format!("{name} = {};", value(layer.activation, &prefix, width, name)));
        }
    }

    fn input(&mut self, mlp: &Mlp) -> Values {
        let x = Values { name: "x".to_owned(), width: mlp.encoded_width() as u32, is_array: false };
        let input = |index| format!("input[{index}]");
        if let Some(grid) = mlp.grid() {
            grid::levels(&mut self.source, grid, mlp.input_width() as u32, self.name);
        }
        let prefix = format!("{}_", self.name);
        for chunk in chunks(x.width) {
            let values = chunk.of_each(&|index| match mlp.input_encoding() {
                Some(Encoding::HashGrid(grid)) => grid::value(grid, index),
                Some(encoding) => encoding::value(encoding, &prefix, &input, index),
                None => input(index),
            });
            self.line(format!("let {} = {values};", x.chunk(chunk.index)));
        }
        x
    }

    /// The same values in an array.
    fn array(&mut self, x: Values) -> Values {
        if x.is_array {
            return x;
        }
        let array = Values { name: ARRAYS[0].to_owned(), is_array: true, ..x };
        for chunk in chunks(x.width) {
            self.line(format!("{} = {};", array.chunk(chunk.index), padded(&x.chunk(chunk.index), chunk.width)));
        }
        array
    }

    fn layer(&mut self, l: usize, layer: &Layer, x: Values) -> Values {
        let x = if layer.loops_over_inputs() { self.array(x) } else { x };
        let (width, variable) = (layer.outputs, format!("y{l}"));
        if !layer.loops_over_outputs() {
            let y = Values { name: variable, width, is_array: false };
            self.outputs(layer, &x, "", chunks(width).map(|chunk| (chunk, y.chunk(chunk.index))).collect());
            return y;
        }
        let name = if x.name == ARRAYS[0] { ARRAYS[1] } else { ARRAYS[0] };
        let y = Values { name: name.to_owned(), width, is_array: true };
        let groups = layer.outputs / (4 * GROUP);
        self.line(format!("for (var o = 0u; o < {}u; o += {GROUP}u) {{", groups * GROUP));
        let before = self.iterations;
        let group = || chunks(4 * GROUP).map(|chunk| (chunk, format!("y_{}", chunk.index)));
        self.outputs(layer, &x, "o", group().collect());
        for (chunk, name) in group() {
            self.line(format!("{}[{}] = {name};", y.name, plus("o", chunk.index)));
        }
        self.line("}");
        self.iterations = before + u64::from(groups) * (1 + self.iterations - before);
        let rest = chunks(layer.outputs).skip((groups * GROUP) as usize);
        let rest = rest.map(|chunk| (chunk, format!("{variable}_{}", chunk.index))).collect::<Vec<_>>();
        if !rest.is_empty() {
            self.outputs(layer, &x, "", rest.clone());
        }
        for (chunk, name) in rest {
            self.line(format!("{}[{}] = {};", y.name, chunk.index, padded(&name, chunk.width)));
        }
        y
    }

    /// Some chunks of a layer's outputs, each into its variable. They follow the chunk numbered by the loop variable `o`, or the
    /// first chunk if `o` is empty.
    fn outputs(&mut self, layer: &Layer, x: &Values, o: &str, outputs: Vec<(Chunk, String)>) {
        if layer.loops_over_inputs() {
            return self.outputs_by_a_loop(layer, x, o, &outputs);
        }
        for (chunk, name) in outputs {
            let weights = |input| self.parameters(o, layer.row(input) + chunk.first, chunk.width);
            let terms = (0..layer.inputs).map(|input| format!("{} * {}", x.value(input), weights(input)));
            let terms = terms.chain(layer.bias.then(|| weights(layer.inputs))).collect::<Vec<_>>();
            let changes = layer.activation.formula().is_some() || terms.len() > TERMS;
            let mut begin = format!("{} {name} =", if changes { "var" } else { "let" });
            for terms in terms.chunks(TERMS) {
                self.source.sum(1, &begin, terms);
                begin = format!("{name} +=");
            }
            self.activate(layer, &name, chunk.width);
        }
    }

    /// The same by a loop over the inputs.
    fn outputs_by_a_loop(&mut self, layer: &Layer, x: &Values, o: &str, outputs: &[(Chunk, String)]) {
        for (chunk, name) in outputs {
            let bias = self.parameters(o, layer.row(layer.inputs) + chunk.first, chunk.width);
            let begin = if layer.bias { bias } else { format!("{}()", chunk.ty()) };
            self.line(format!("var {name} = {begin};"));
        }
        let whole = layer.inputs / 4;
        self.line(format!("for (var i = 0u; i < {whole}u; i++) {{"));
        self.line(format!("let x = {}[i];", x.name));
        // Four rows of weights are as many vectors as there are outputs.
        let vectors = if layer.outputs == 1 { "i".to_owned() } else { format!("i * {}u", layer.outputs) };
        let index = if o.is_empty() { vectors } else { format!("{vectors} + {o}") };
        self.line(format!("let index = {index};"));
        for (chunk, name) in outputs {
            let terms = ["x", "y", "z", "w"].iter().zip(0..).map(|(component, input)| {
                let weights = self.parameters("index", layer.row(input) + chunk.first, chunk.width);
                format!("x.{component} * {weights}")
            });
            self.source.sum(1, &format!("{name} +="), &terms.collect::<Vec<_>>());
        }
        self.line("}");
        self.iterations += u64::from(whole);
        for (chunk, name) in outputs {
            for input in 4 * whole..layer.inputs {
                let weights = self.parameters(o, layer.row(input) + chunk.first, chunk.width);
                self.line(format!("{name} += {} * {weights};", x.value(input)));
            }
            self.activate(layer, name, chunk.width);
        }
    }
}

/// A chunk as a vector of four.
fn padded(chunk: &str, width: u32) -> String {
    match width {
        4 => chunk.to_owned(),
        _ => format!("vec4<f32>({chunk}{})", ", 0.0".repeat(4 - width as usize)),
    }
}
