// adam   m += (1 - β₁)(g - m), v += (1 - β₂)(g² - v), w -= rate · c₁ m / (√(c₂ v) + ε)     reference: Optimizer
//
// No kernel of its own, like sgd.wgsl. m and v are 0 before the first step; c = 1 / (1 - β^t) takes that out of step t's,
// counted from 1. rest is 1 - β.

fn adam(
    w: ptr<function, f32>,
    m: ptr<function, f32>,
    v: ptr<function, f32>,
    g: f32,
    rate: f32,
    c1: f32,
    c2: f32,
    rest1: f32,
    rest2: f32,
    epsilon: f32,
) {
    *m += rest1 * (g - *m);
    *v += rest2 * (g * g - *v);
    *w -= rate * c1 * *m / (sqrt(*v * c2) + epsilon);
}
