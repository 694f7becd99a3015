//! The function's text.
//!
//! It is written for the network: a small layer is written out, as sums of vectors of up to four outputs each, a larger one
//! is a loop over its outputs, its inputs or both, four by four. The parameters are read as vectors of four numbers,
//! wherever a layer's rows begin: loops go by whole vectors, and what is beside them is known when the text is written.

use crate::kernels::LONGEST_LOOP;
use crate::mlp::{Mlp, Stage};
use crate::wgsl::{Part, Text, parts, place};

/// A layer of up to so many weights, 32 inputs by 32 outputs, is written out. Loops take no less time anywhere, and four
/// times as much where what stands between two layers cannot stay in registers, as on Mesa 25.
const MOST_WRITTEN_OUT: u32 = 1024;

/// A larger layer goes through its inputs in a loop where there are more than this, and so through its outputs.
const LONGEST_WRITTEN_OUT: u32 = 16;

/// The terms that are added up before they are added to a sum: rounded a quarter as often as one by one.
const TERMS: usize = 4;

/// A function that is being written.
struct Function<'a> {
    name: &'a str,
    text: Text,
    /// The loop iterations of a call.
    iterations: u64,
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
}

/// The names of the arrays.
const ARRAYS: [&str; 2] = ["even", "odd"];

/// The numbers between two layers.
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

/// The text for a network, and the loop iterations of a call.
pub(super) fn write(mlp: &Mlp, name: &str, [group, binding]: [u32; 2]) -> (String, u64) {
    let mut function = Function { name, text: Text::default(), iterations: 0 };
    let (leading_sigmoids, stages) = mlp.stages();
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
    let mut x = function.input(inputs, leading_sigmoids);
    for (s, stage) in stages.iter().enumerate() {
        function.line("");
        let Stage { inputs, outputs, .. } = stage;
        let bias = if stage.bias { " with bias" } else { "" };
        function.line(format!("// linear layer {s}: {inputs} → {outputs}{bias}"));
        x = function.layer(s, stage, x);
    }
    function.line("");
    let numbers = (0..outputs).map(|number| x.number(number)).collect::<Vec<_>>();
    function.results(&numbers);
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
    (function.text.finish(), function.iterations)
}

impl Function<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.line(line);
    }

    /// Returns the outputs, some a line.
    fn results(&mut self, outputs: &[String]) {
        const OUTPUTS_A_LINE: usize = 8;
        let ty = format!("array<f32, {}>", outputs.len());
        if outputs.len() <= OUTPUTS_A_LINE {
            return self.line(format!("return {ty}({});", outputs.join(", ")));
        }
        self.line(format!("return {ty}("));
        for outputs in outputs.chunks(OUTPUTS_A_LINE) {
            self.line(format!("{},", outputs.join(", ")));
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
    fn sigmoids(&mut self, name: &str, width: u32, sigmoids: u32) {
        for _ in 0..sigmoids {
            self.line(format!("{name} = {}_sigmoid{width}({name});", self.name));
        }
    }

    fn input(&mut self, width: u32, sigmoids: u32) -> Activation {
        let x = Activation { name: "x".to_owned(), width, is_array: false };
        for part in parts(width) {
            let numbers = part.of((part.first..part.first + part.width).map(|number| format!("input[{number}]")));
            let keyword = if sigmoids > 0 { "var" } else { "let" };
            self.line(format!("{keyword} {} = {numbers};", x.part(part)));
            self.sigmoids(&x.part(part), part.width, sigmoids);
        }
        x
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

    fn layer(&mut self, s: usize, stage: &Stage, x: Activation) -> Activation {
        let x = if stage.loops_over_inputs() { self.array(x) } else { x };
        let (width, in_parts) = (stage.outputs, format!("y{s}"));
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
                let weights = |input| self.parameters(o, stage.row(input) + part.first, part.width);
                let terms = (0..stage.inputs).map(|input| format!("{} * {}", x.number(input), weights(input)));
                let terms = terms.chain(stage.bias.then(|| weights(stage.inputs))).collect::<Vec<_>>();
                let keyword = if stage.sigmoids > 0 || terms.len() > TERMS { "var" } else { "let" };
                let mut begin = format!("{keyword} {name} =");
                for terms in terms.chunks(TERMS) {
                    self.text.sum(1, &begin, terms);
                    begin = format!("{name} +=");
                }
                self.sigmoids(&name, part.width, stage.sigmoids);
            }
            return;
        }
        for (part, name) in &parts {
            let bias = self.parameters(o, stage.row(stage.inputs) + part.first, part.width);
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
                format!("x.{letter} * {}", self.parameters("at", stage.row(input) + part.first, part.width))
            });
            self.text.sum(1, &format!("{name} +="), &terms.collect::<Vec<_>>());
        }
        self.line("}");
        self.iterations += u64::from(whole);
        for (part, name) in &parts {
            for input in 4 * whole..stage.inputs {
                let weights = self.parameters(o, stage.row(input) + part.first, part.width);
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
