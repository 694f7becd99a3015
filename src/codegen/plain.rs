//! The plain kernels that have a formula of the tables in them: the functions that their files in `shaders/` call, and the
//! file.

use super::bindings::{Bindings, Uniform};
use super::descent::Descent;
use super::encoding as encoded;
use super::functions::{self, Call, derivative, value};
use super::head::Head;
use super::source::Source;
use super::tiles::{Matrix, forward::Target};
use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::shaders::shader;

/// The source of `activation` and `activation_backward`; for a softmax, of `softmax` and `softmax_backward`.
pub(crate) fn activation(activation: Activation) -> String {
    let mut source = Source::default();
    if activation == Activation::Softmax {
        functions::paste(&mut source, "softmax_share");
        source.paste(shader!("softmax"));
        return source.finish();
    }
    functions::write(&mut source, "", &functions::calls(true, &[(activation, 1)]));
    let derivative = derivative(activation, 1, "kept", "kept").unwrap_or_else(|| "1.0".to_owned());
    source.lines(&[
        "",
        "fn activation_value(z: f32) -> f32 {",
        &format!("return {};", value(activation, "", 1, "z")),
        "}",
        "",
        "fn activation_derivative(kept: f32) -> f32 {",
        &format!("return {derivative};"),
        "}",
        "",
    ]);
    source.paste(shader!("activation"));
    source.finish()
}

/// The source of `encode` and `encode_backward`; if `of_samples`, of rows that `order` names.
pub(crate) fn encoding(encoding: Encoding, of_samples: bool) -> String {
    let mut source = Source::default();
    if of_samples {
        source.lines(&["@group(0) @binding(3) var<storage, read> order: array<u32>;", ""]);
    }
    let sample = if of_samples { "order[1u + row]" } else { "row" };
    source.lines(&["fn sample_of(row: u32) -> u32 {", &format!("return {sample};"), "}"]);
    functions::write(&mut source, "", &encoded::calls(Some(encoding), true).collect::<Vec<_>>());
    encoded::value_function(&mut source, encoding, "x");
    encoded::derivative_function(&mut source, encoding, "x");
    source.paste(shader!("encode"));
    source.finish()
}

/// The source of `sample_picture`, of rows of values or of a texture.
pub(crate) fn sample_picture(is_texture: bool) -> String {
    let mut source = Source::default();
    source.paste(shader!("state"));
    functions::write(&mut source, "", &[Call { name: "light_of_srgb".to_owned(), width: 1 }]);
    source.line("");
    source.paste(match is_texture {
        true => shader!("picture_texture"),
        false => shader!("picture_rows"),
    });
    source.paste(shader!("sample_picture"));
    source.finish()
}

/// The source of `loss`.
pub(crate) fn loss(head: Head) -> String {
    let mut source = Source::default();
    source.paste(shader!("state"));
    source.paste(shader!("tree_sum"));
    functions(&mut source, head);
    source.paste(shader!("loss"));
    source.finish()
}

/// The functions of a head for single values.
fn functions(source: &mut Source, head: Head) {
    functions::write(source, "", &head.calls(true, &[1]));
    head.write(source, true, &[1]);
    source.line("");
}

/// Where `row_loss` finds the targets of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Targets {
    /// In the same row of a batch's targets.
    Rows,
    /// In the row of the data set's targets that `order` names.
    Samples(Target),
}

/// A kernel for a loss that takes a row's outputs together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowLoss {
    pub head: Head,
    pub targets: Targets,
}

/// What such a kernel binds. `R` is the type of a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands<R> {
    pub z: Matrix<R>,
    pub t: Matrix<R>,
    /// The targets of a sample's own class, and of the others.
    pub t_scale: [f32; 2],
    pub d_z: Matrix<R>,
    pub partial_losses: R,
    /// The state's batch, or how many samples the batch has, and which: `[1 + batch_size]` words.
    pub samples: R,
    pub rows: u32,
    pub outputs: u32,
    pub partials: u32,
}

impl RowLoss {
    pub fn bindings<R>(&self, operands: Operands<R>) -> Bindings<R> {
        let Operands { z, t, d_z, .. } = operands;
        let uniform = Uniform::default()
            .vec2_u32("z_view", z.view)
            .vec2_u32("t_view", t.view)
            .vec2_u32("d_z_view", d_z.view)
            .vec2_f32("t_scale", operands.t_scale)
            .u32("rows", operands.rows)
            .u32("outputs", operands.outputs)
            .u32("partials", operands.partials);
        let mut bindings = Bindings::new(uniform);
        match self.targets {
            Targets::Rows => bindings.read("batch", "Batch", operands.samples),
            Targets::Samples(_) => bindings.read("order", "array<u32>", operands.samples),
        }
        let is_class = self.targets == Targets::Samples(Target::Class);
        bindings.read("z", "array<f32>", z.buffer);
        bindings.read("t", if is_class { "array<u32>" } else { "array<f32>" }, t.buffer);
        bindings.read_write("d_z", "array<f32>", d_z.buffer);
        bindings.read_write("partial_losses", "array<f32>", operands.partial_losses);
        bindings
    }

    /// The kernel's source.
    pub fn source(&self) -> String {
        let mut source = Source::default();
        source.comment(&[
            &format!(
                "row_loss   {} and its gradient with respect to the last pre-activations     reference: loss",
                self.head.loss
            ),
            "",
            "  z, d_z          [rows, outputs]; rows past the batch's samples of d_z become 0",
            "  t               the targets",
            "  partial_losses  [partials], one per workgroup",
        ]);
        source.line("");
        source.paste(shader!("state"));
        source.paste(shader!("tree_sum"));
        self.bindings(Operands::<()>::default()).declare(&mut source, "RowLoss");
        functions(&mut source, self.head);
        let (samples, row) = match self.targets {
            Targets::Rows => ("batch.rows", "row"),
            Targets::Samples(_) => ("order[0]", "order[1u + row]"),
        };
        let t = match self.targets {
            Targets::Samples(Target::Class) => {
                format!("select(p.t_scale.y, p.t_scale.x, t[p.t_view.x + {row} * p.t_view.y] == output)")
            }
            _ => format!("t[p.t_view.x + {row} * p.t_view.y + output]"),
        };
        source.lines(&[
            "fn samples_of_batch() -> u32 {",
            &format!("return {samples};"),
            "}",
            "",
            "fn target_of(row: u32, output: u32) -> f32 {",
            &format!("return {};", self.head.targets(1, &t)),
            "}",
            "",
        ]);
        source.paste(shader!("row_loss"));
        source.finish()
    }
}

/// The update of parameters by their gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightUpdate {
    pub descent: Descent,
    /// Whether the network has a hash grid: then a step whose gradient is not finite changes nothing.
    pub skips: bool,
    /// For the features of that grid: how many an entry has, and the factors of the learning rate and the weight decay.
    pub grid: Option<GridUpdate>,
}

/// What is different for the features of a hash grid: an entry counts its own steps, and a gradient of 0 changes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridUpdate {
    pub features: u32,
    pub learning_rate: f32,
    pub weight_decay: f32,
}

/// What an update binds. `R` is the type of a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateOperands<R> {
    pub batch: R,
    pub learning_rates: R,
    pub d_weights: R,
    pub w: R,
    /// What is kept of each parameter: `[kept, all parameters]`.
    pub moments: R,
    /// The sum of the squares of the gradient with respect to all parameters.
    pub squares: R,
    /// The bits of the largest gradient with respect to the values of a hash grid.
    pub largest: R,
    /// The steps of each entry of the grid.
    pub entry_steps: R,
    /// The parameters to update: the index of the first, and how many.
    pub first: u32,
    pub parameters: u32,
    /// How many invocations share them.
    pub stride: u32,
    pub all: u32,
}

/// Writes `gradient_of_batch`: a gradient, of its sum over the batch; shortened, if its norm is clipped.
fn gradient_of_batch(source: &mut Source, clip_norm: Option<f32>) {
    source.lines(&["", "// A gradient, of its sum over the batch.", "fn gradient_of_batch(sum: f32) -> f32 {"]);
    match clip_norm {
        None => source.line("return sum / f32(batch.rows);"),
        Some(most) => source.lines(&[
            "let norm = sqrt(squares[0]) / f32(batch.rows);",
            &format!(
                "return sum / f32(batch.rows) * min(1.0, {} / (norm + 1e-6));",
                functions::constant(most.into(), 1)
            ),
        ]),
    }
    source.line("}");
}

impl WeightUpdate {
    pub fn bindings<R>(&self, operands: UpdateOperands<R>) -> Bindings<R> {
        let UpdateOperands { first, parameters, stride, all, .. } = operands;
        let uniform = Uniform::default().u32("first", first).u32("parameters", parameters);
        let mut bindings = Bindings::new(uniform.u32("stride", stride).u32("all", all));
        bindings.read("batch", "Batch", operands.batch);
        bindings.read("learning_rates", "array<f32>", operands.learning_rates);
        bindings.read("d_weights", "array<f32>", operands.d_weights);
        bindings.read_write("w", "array<f32>", operands.w);
        if !self.descent.kept().is_empty() {
            bindings.read_write("moments", "array<f32>", operands.moments);
        }
        if self.descent.clip_norm.is_some() {
            bindings.read("squares", "array<f32>", operands.squares);
        }
        if self.skips {
            bindings.read("largest", "array<u32>", operands.largest);
        }
        if self.grid.is_some() {
            bindings.read_write("entry_steps", "array<u32>", operands.entry_steps);
        }
        bindings
    }

    /// The kernel's source.
    pub fn source(&self) -> String {
        let Descent { optimizer, clip_norm, .. } = self.descent;
        let kept = self.descent.kept();
        let mut source = Source::default();
        source.comment(&[
            &format!("weight_update   {optimizer}, by the gradient d_weights / batch.rows     reference: Descent"),
            "",
            "  w, d_weights    [all], the weights and biases of all layers",
            "  learning_rates  [2], the learning rate and the weight decay",
        ]);
        if !kept.is_empty() {
            source.comment(&[&format!("  moments         [{}, all]: {}", kept.len(), kept.join(", "))]);
        }
        if clip_norm.is_some() {
            source.comment(&["  squares         [1], the sum of the squares of d_weights"]);
        }
        source.line("");
        source.paste(shader!("state"));
        source.lines(&["override WORKGROUP: u32;", ""]);
        self.bindings(UpdateOperands::<()>::default()).declare(&mut source, "WeightUpdate");
        functions::write(&mut source, "", &self.descent.calls(&[1]));
        self.descent.write(&mut source, &[1]);
        source.lines(&["", "// A step with a gradient that is not finite is skipped.", "fn is_skipped() -> bool {"]);
        source.line(if self.skips { "return largest[0] >= 0x7f800000u;" } else { "return false;" });
        source.line("}");
        gradient_of_batch(&mut source, clip_norm);
        source.lines(&["", "fn update(index: u32, gradient: f32, descent: Descent) {", "var parameter = w[index];"]);
        let index = |i: usize| match i {
            0 => "index".to_owned(),
            1 => "p.all + index".to_owned(),
            i => format!("{i}u * p.all + index"),
        };
        for (i, name) in kept.iter().enumerate() {
            source.line(format!("var {name} = moments[{}];", index(i)));
        }
        let names = kept.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        source.line(Descent::descend(1, "parameter", &names, "gradient"));
        source.line("w[index] = parameter;");
        for (i, name) in kept.iter().enumerate() {
            source.line(format!("moments[{}] = {name};", index(i)));
        }
        source.lines(&["}", ""]);
        match self.grid {
            None => source.paste(shader!("weight_update")),
            Some(grid) => self.grid_update(&mut source, grid),
        }
        source.finish()
    }

    /// What the update of a hash grid has more: the file, and what it calls.
    fn grid_update(&self, source: &mut Source, grid: GridUpdate) {
        self.descent.write_of_entry(source);
        let number = |value: f32| functions::constant(value.into(), 1);
        source.lines(&[
            "",
            &format!("const FEATURES = {}u;", grid.features),
            "",
            "fn descent_of_grid() -> Descent {",
            &format!(
                "return descent_of(learning_rates[0] * {}, {}, batch.step);",
                number(grid.learning_rate),
                number(grid.weight_decay)
            ),
            "}",
            "",
            "// A feature that is not changed: its average comes nearer to it.",
            "fn keep(index: u32, descent: Descent) {",
        ]);
        if let Some(average) = self.descent.average("w[index]") {
            let kept = self.descent.kept().len() - 1;
            let index = format!("{kept}u * p.all + index");
            source.lines(&[&format!("var a = moments[{index}];"), &average, &format!("moments[{index}] = a;")]);
        }
        source.lines(&["}", ""]);
        source.paste(shader!("grid_update"));
    }
}
