// sgd   w -= rate · g     reference: Optimizer
//
// No kernel of its own: included before the source of every kernel that calls it, for vectors with f32 replaced by their
// type. `g` is the mean gradient of the batch.

fn sgd(w: ptr<function, f32>, g: f32, rate: f32) {
    *w -= rate * g;
}
