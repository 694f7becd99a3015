// momentum   m = momentum · m + g, w -= rate · m     reference: Optimizer
//
// No kernel of its own, like sgd.wgsl. m is 0 before the first step.

fn momentum(w: ptr<function, f32>, m: ptr<function, f32>, g: f32, rate: f32, momentum_factor: f32) {
    *m = momentum_factor * *m + g;
    *w -= rate * *m;
}
