//! The loss of a batch, and its gradient with respect to the last layer's pre-activations.

use super::memory::{columns, padded_rows, partial_losses};
use super::{Workgroup, element};
use crate::codegen::head::share;
use crate::codegen::persistent::LOWEST;
use crate::codegen::vectors::{columns_of, plus};

impl Workgroup<'_> {
    /// The loss and its gradient of a row of a tile of the last pre-activations. A loss of rows comes later, and only takes
    /// these.
    pub(super) fn head(&mut self, index: &str, r: u32) {
        let (spec, last) = (self.spec, self.spec.last());
        if spec.head.is_of_rows() {
            return self.line(format!("d{last}[{index}] = z_{r};"));
        }
        if spec.trains() {
            self.line(format!("var d_{r} = vec4<f32>();"));
        }
        self.line(format!("if {} < batch.rows {{", plus("row", r)));
        self.line(format!("let offset = {};", self.targets_of(&plus("row", r))));
        self.line(format!("let t = {};", self.read(1, "column", spec.outputs())));
        let z = format!("z_{r}");
        self.line(format!("let y = {};", spec.head.output(4, &z)));
        let terms = self.inside(spec.head.terms(4, "y", "t"), "column");
        self.line(format!("loss += dot({terms}, vec4<f32>(1.0));"));
        if spec.trains() {
            let gradient = self.inside(spec.head.gradient(4, "rate", [&z, "y"], "t"), "column");
            self.line(format!("d_{r} = {gradient};"));
        }
        self.line("}");
        if spec.trains() {
            self.line(format!("d{last}[{index}] = d_{r};"));
        }
    }

    /// The loss and its gradient, row by row, where the loss takes a row's outputs together.
    pub(super) fn rows_of_outputs(&mut self) {
        let (spec, last) = (self.spec, self.spec.last());
        let outputs = columns(spec.outputs());
        self.phase("the loss of each row, and its gradient");
        self.share("row", padded_rows(spec), 3 * u64::from(outputs));
        let index = element("row", outputs, "i");
        let each = format!("for (var i = 0u; i < {outputs}u; i++) {{");
        let z = format!("d{last}[{index}]");
        let t = spec.head.targets(4, &self.read(1, "i", spec.outputs()));
        // Rows past the batch's end take its last sample's targets, and do not count.
        let offset = self.targets_of("min(row, batch.rows - 1u)");
        let masked = self.inside_or(z.clone(), "i", LOWEST);
        self.source.lines(&[
            &format!("let offset = {offset};"),
            "var loss = 0.0;",
            &format!("var largest = vec4<f32>({LOWEST});"),
            &each,
            &format!("largest = max(largest, {masked});"),
            "}",
            "let maximum = max(max(largest.x, largest.y), max(largest.z, largest.w));",
            "var sum = vec4<f32>();",
            "var total = vec4<f32>();",
            &each,
            &format!("sum += {};", self.inside(share(4, &z, "maximum"), "i")),
            &format!("total += {};", self.inside(t.clone(), "i")),
            "}",
            "let statistics = Statistics(maximum, dot(sum, vec4<f32>(1.0)), dot(total, vec4<f32>(1.0)));",
            &each,
            &format!("let z = {z};"),
            &format!("let t = {t};"),
            &format!("loss += dot({}, vec4<f32>(1.0));", self.inside(spec.head.terms(4, "z", "t"), "i")),
        ]);
        if spec.trains() {
            let gradient = self.inside(spec.head.gradient(4, "rate", ["z", "z"], "t"), "i");
            self.line(format!("{z} = select(vec4<f32>(), {gradient}, row < batch.rows);"));
        }
        self.source.lines(&["}", "partial_losses[row] = select(0.0, LOSS_FACTOR * loss, row < batch.rows);", "}"]);
    }

    /// The index of a batch row's targets in their buffer.
    #[inline(never)]
    fn targets_of(&self, row: &str) -> String {
        format!("targets_view.x + {} * targets_view.y", self.sample(row))
    }

    /// Values of the outputs, 0 past the last of them.
    #[inline(never)]
    fn inside(&self, values: String, column: &str) -> String {
        if self.spec.head.keeps_zero() { values } else { self.inside_or(values, column, "") }
    }

    /// Values of the outputs, `other` past the last of them.
    #[inline(never)]
    fn inside_or(&self, values: String, column: &str, other: &str) -> String {
        let outputs = self.spec.outputs();
        if outputs.is_multiple_of(4) {
            return values;
        }
        format!("select(vec4<f32>({other}), {values}, {} < vec4({outputs}u))", columns_of(column))
    }

    /// The batch's loss, summed by one invocation while the others go on.
    pub(super) fn loss(&mut self) {
        let parts = partial_losses(self.spec);
        self.phase("the loss, summed by one invocation while the others go on");
        self.iterations += u64::from(parts);
        self.source.lines(&[
            "if invocation == 0u {",
            "var loss = 0.0;",
            &format!("for (var i = 0u; i < {parts}u; i++) {{"),
            "loss += partial_losses[i];",
            "}",
            "losses = add_loss(losses, batch, samples, loss);",
            "}",
        ]);
    }
}
