// average   a += c (1 - d) (w - a): the mean of w over the steps, the earlier the less     reference: Optimizer
//
// No kernel of its own, like sgd.wgsl. d is the factor of a step's weight from step to step; c = 1 / (1 - d^t), so that at
// step 1 a is w. share is c (1 - d).

fn average(a: ptr<function, f32>, w: f32, share: f32) {
    *a += share * (w - *a);
}
