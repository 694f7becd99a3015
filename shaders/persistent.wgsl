// persistent   training steps in a loop: forward, squared error, backward, weight update, step     reference: Training
//
// What every text of the persistent plan begins with; the entry point follows, written for one network (its layers, its
// batch size) by src/trainer/persistent. Inputs and Targets are f32, or vectors where the rows' places allow.
//
//   inputs          [samples, inputs]       the data set
//   targets         [samples, outputs]
//   learning_rates  [networks]
//   parameters      [networks, parameters]  each network's, layer after layer
//   states          [networks]              where each network's training stands
//   sample_count    [1]                     how many samples there are: an app may add some

struct Persistent {
    inputs_view: vec2<u32>, // a matrix's first place in its buffer, and its stride from row to row, in numbers
    targets_view: vec2<u32>,
    seed: vec2<u32>, // of the order of the samples, low and high word
    batch_size: u32,
    networks: u32,
    steps: u32, // of this dispatch
}

@group(0) @binding(0) var<uniform> p: Persistent;
@group(0) @binding(1) var<storage, read> inputs: array<Inputs>;
@group(0) @binding(2) var<storage, read> targets: array<Targets>;
@group(0) @binding(3) var<storage, read> learning_rates: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> states: array<State>;
@group(0) @binding(6) var<storage, read> sample_count: array<u32>;
