//! The kernel around its steps: declarations, and the network's way from the parameters to registers and back.

use super::{Mask, Registers, Source, Weights};
use crate::codegen::persistent::{begin, constants, functions, load_moments_offsets, load_rates};
use crate::codegen::vectors::{Chunk, distinct, plus, vector};

impl Registers<'_> {
    pub(super) fn kernel(self) -> String {
        let spec = self.spec;
        let mut source = begin(spec, spec.batch_in_words(), &|| self.heading());
        self.functions(&mut source);
        self.entry_point(&mut source);
        self.load(&mut source);
        source.line("");
        source.line("for (var step = 0u; step < steps; step++) {");
        self.step(&mut source);
        source.line("}");
        self.store(&mut source);
        source.line("}");
        source.finish()
    }

    fn heading(self) -> Vec<String> {
        let layout: &[&str] = match self.lanes {
            1 => &[
                "One invocation has one network in its registers. Values are in chunks of at most four:",
                "w0_1_2 is layer 0's weights of input 1 to outputs 8 to 11, chunk 2. With b the names are of biases, with z",
                "of a layer's pre-activations, with y of its outputs, with d of the gradient with respect to a layer's",
                "pre-activations, with g of the gradients with respect to the weights, summed over a batch.",
            ],
            _ => &[
                "One subgroup has one network in its registers. Layers 0, 2, … are sharded: each lane computes its own",
                "outputs, from own0, own2, … on. Layers 1, 3, … take these: each lane multiplies its own, and the subgroup",
                "sums. Values are in chunks of at most four: w0_1_0 is layer 0's weights of input 1 to the lane's own",
                "outputs, w1_0_2 layer 1's weights of the lane's first own input to outputs 8 to 11. With b the names are of",
                "biases, with z of a layer's pre-activations, with y of its outputs, with d of the gradient with respect to",
                "a layer's pre-activations, with g of the gradients with respect to the weights, summed over a batch.",
            ],
        };
        layout.iter().copied().map(str::to_owned).collect()
    }

    /// The functions that the kernel calls.
    fn functions(self, source: &mut Source) {
        let layers = || self.spec.layers.iter().enumerate();
        let uses = layers().flat_map(|(l, layer)| self.outputs(l).map(|chunk| (layer.activation, chunk.width)));
        let of_head = distinct(&self.outputs(self.spec.last()).map(|chunk| chunk.width).collect::<Vec<_>>());
        let widths = layers().flat_map(|(l, _)| self.outputs(l)).map(|chunk| chunk.width);
        let widths = distinct(&widths.collect::<Vec<_>>());
        functions(source, self.spec, &uses.collect::<Vec<_>>(), [&of_head, &widths]);
        for width in widths.into_iter().filter(|&width| width > 1) {
            self.parameter_functions(source, "", "parameters", width);
            if !self.spec.kept().is_empty() {
                self.parameter_functions(source, "_moments", "moments", width);
            }
        }
        let sums = layers().filter(|&(l, _)| self.sums_over_lanes(l)).flat_map(|(l, _)| self.outputs(l));
        let loss = self.is_sharded(self.spec.last()).then_some(1);
        for width in distinct(&sums.map(|chunk| chunk.width).chain(loss).collect::<Vec<_>>()) {
            self.over_lanes(source, "sum", width, |all, other| format!("{all} += {other};"));
        }
        if loss.is_some() && self.spec.head.is_of_rows() {
            self.over_lanes(source, "max", 1, |all, other| format!("{all} = max({all}, {other});"));
        }
    }

    /// The functions that read and write `width` consecutive values of an array.
    fn parameter_functions(self, source: &mut Source, suffix: &str, array: &str, width: u32) {
        let chunk = Chunk { index: 0, first: 0, width };
        let place = |i| format!("{array}[{}]", plus("index", i));
        source.line("");
        source.line(format!("fn read{suffix}{width}(index: u32) -> {} {{", chunk.ty()));
        source.line(format!("return {};", chunk.of_each(&place)));
        source.line("}");
        if self.spec.trains() {
            source.line("");
            source.line(format!("fn write{suffix}{width}(index: u32, w: {}) {{", chunk.ty()));
            for i in 0..width {
                source.line(format!("{} = {};", place(i), chunk.component("w", i)));
            }
            source.line("}");
        }
    }

    /// A combination of the lanes' values: a tree of fixed shape, so that the same values give the same bits.
    fn over_lanes(self, source: &mut Source, name: &str, width: u32, combine: impl Fn(&str, &str) -> String) {
        let ty = vector(width);
        source.line("");
        source.line(format!("fn subgroup_{name}{width}(partial: {ty}) -> {ty} {{"));
        source.line("var all = partial;");
        for distance in (0..self.lanes.ilog2()).map(|bit| 1 << bit) {
            source.line(combine("all", &format!("subgroupShuffleXor(all, {distance}u)")));
        }
        source.comment(&["The same bits in every lane, even if a driver fuses a multiplication into an addition."]);
        source.line("return subgroupBroadcast(all, 0u);");
        source.line("}");
    }

    fn entry_point(self, source: &mut Source) {
        source.line("");
        if self.lanes == 1 {
            source.lines(&[
                "@compute @workgroup_size(WORKGROUP)",
                "fn persistent(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {",
                "let network = id.y * grid.x * WORKGROUP + id.x;",
            ]);
        } else {
            source.lines(&[
                "var<workgroup> first_batch: Batch;",
                "",
                "@compute @workgroup_size(WORKGROUP)",
                "fn persistent(",
                "@builtin(workgroup_id) id: vec3<u32>,",
                "@builtin(num_workgroups) grid: vec3<u32>,",
                "@builtin(subgroup_invocation_id) lane: u32,",
                "@builtin(subgroup_size) lanes: u32,",
                ") {",
                "let network = id.y * grid.x + id.x;",
            ]);
        }
        source.lines(&["if network >= p.networks {", "return;", "}"]);
    }

    /// The network and its state, from the buffers.
    fn load(self, source: &mut Source) {
        let spec = self.spec;
        source.line("");
        source.line(format!("let first = network * {}u; // its first parameter", spec.parameters));
        for l in (0..spec.layers.len()).filter(|&l| self.is_sharded(l)) {
            self.shards(source, l);
        }
        load_moments_offsets(source, spec);
        for weights in self.all_weights() {
            self.load_weights(source, &weights);
        }
        load_rates(source, spec);
        if self.lanes == 1 {
            source.line("var batch = states[network].batch;");
            source.line("var losses = states[network].losses;");
            constants(source, spec);
            source.line("let steps = p.steps;");
            return;
        }
        source.lines(&[
            "var losses: Losses; // the first lane's",
            "if lane == 0u {",
            "first_batch = states[network].batch;",
            "losses = states[network].losses;",
            "}",
            "var batch = workgroupUniformLoad(&first_batch);",
        ]);
        constants(source, spec);
        source.comment(&[
            "Subgroups of another size than the device reports would compute wrong values: then no step is counted.",
        ]);
        source.line(format!("let steps = select(0u, p.steps, lanes == {}u);", self.lanes));
    }

    /// Loads a chunk of weights, and what is kept of them; 0 where they do not exist.
    fn load_weights(self, source: &mut Source, weights: &Weights) {
        let Weights { name, kept, chunk, mask, .. } = weights;
        for Place { name, array, suffix, base } in places(name, kept) {
            let index = weights.index(&base);
            let read = match chunk.width {
                1 => format!("{array}[{index}]"),
                width => format!("read{suffix}{width}({index})"),
            };
            source.line(match mask {
                Some(Mask::Values(mask) | Mask::Chunk(mask)) => {
                    format!("var {name} = select({}(), {read}, {mask});", chunk.ty())
                }
                None => format!("var {name} = {read};"),
            });
        }
    }

    /// Where a lane's own outputs of layer `l` begin, and which of them exist.
    fn shards(self, source: &mut Source, l: usize) {
        let outputs = self.spec.layers[l].outputs;
        let own = format!("own{l}");
        source.line(format!("let {own} = lane * {}u;", self.shard(outputs)));
        for chunk in self.outputs(l) {
            let Some(inside) = self.inside(l, chunk) else { continue };
            let indices = chunk.of_each(&|i| plus(&own, i));
            let end = chunk.of_each(&|_| format!("{outputs}u"));
            let [indices, end] = [indices, end].map(|vector| vector.replace("<f32>", "<u32>"));
            source.line(format!("let {inside} = {indices} < {end};"));
        }
    }

    /// The network and its state, back to the buffers.
    fn store(self, source: &mut Source) {
        source.line("");
        if self.spec.trains() {
            self.trained_weights().for_each(|weights| store_weights(source, &weights));
        }
        match self.lanes {
            1 => source.line("states[network] = State(batch, losses);"),
            _ => source.lines(&["if lane == 0u {", "states[network] = State(batch, losses);", "}"]),
        }
    }
}

/// A variable's place in the buffers.
struct Place<'a> {
    name: &'a str,
    array: &'static str,
    /// What the functions that read and write the array have in their names.
    suffix: &'static str,
    /// Where the network's values begin.
    base: String,
}

/// The places of weights, and of what is kept of them.
fn places<'a>(name: &'a str, kept: &'a [String]) -> impl Iterator<Item = Place<'a>> {
    let parameters = Place { name, array: "parameters", suffix: "", base: "first".to_owned() };
    let of =
        |(i, name): (usize, &'a String)| Place { name, array: "moments", suffix: "_moments", base: format!("kept{i}") };
    std::iter::once(parameters).chain(kept.iter().enumerate().map(of))
}

/// Stores a chunk of weights, and what is kept of them; value by value if not all of them exist.
fn store_weights(source: &mut Source, weights: &Weights) {
    let Weights { name, kept, chunk, mask, replicated, .. } = weights;
    for Place { name, array, suffix, base } in places(name, kept) {
        let index = weights.index(&base);
        let whole = match chunk.width {
            1 => format!("{array}[{index}] = {name};"),
            width => format!("write{suffix}{width}({index}, {name});"),
        };
        let mut store_if = |condition: &str, store: &str| source.lines(&[&format!("if {condition} {{"), store, "}"]);
        match mask {
            Some(Mask::Values(mask)) if chunk.width > 1 => {
                for i in 0..chunk.width {
                    let store = format!("{array}[{}] = {};", plus(&index, i), chunk.component(name, i));
                    store_if(&chunk.component(mask, i), &store);
                }
            }
            Some(Mask::Values(mask) | Mask::Chunk(mask)) => store_if(mask, &whole),
            None if *replicated => store_if("lane == 0u", &whole),
            None => source.line(whole),
        }
    }
}
