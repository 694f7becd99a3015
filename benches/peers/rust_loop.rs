//! The yardstick without a GPU and without a library: the notebook's training as plain loops over f32, in one thread,
//! all sizes known at compile time. As in the notebook, no loss is computed.
//!
//! rustc --edition 2024 -Copt-level=3 -Ctarget-cpu=native benches/peers/rust_loop.rs -o rust_loop && ./rust_loop xor|mlp [STEPS]

use std::hint::black_box;
use std::time::Instant;

/// A linear layer without bias and the sigmoid after it, for batches of `B`.
struct Layer<const I: usize, const O: usize, const B: usize> {
    w: [[f32; O]; I],
    x: [[f32; I]; B],
    y: [[f32; O]; B],
}

impl<const I: usize, const O: usize, const B: usize> Layer<I, O, B> {
    fn new(random: &mut impl FnMut() -> f32) -> Self {
        let deviation = (I as f32).sqrt().recip();
        // The sum of twelve uniform values is nearly normal.
        let mut normal = || deviation * ((0..12).map(|_| random()).sum::<f32>() - 6.0);
        Layer { w: [(); I].map(|_| [(); O].map(|_| normal())), x: [[0.0; I]; B], y: [[0.0; O]; B] }
    }

    fn forward(&mut self, x: &[[f32; I]; B]) -> &[[f32; O]; B] {
        self.x = *x;
        for (x, y) in x.iter().zip(&mut self.y) {
            *y = [0.0; O];
            for (x, w) in x.iter().zip(&self.w) {
                y.iter_mut().zip(w).for_each(|(y, w)| *y += x * w);
            }
            y.iter_mut().for_each(|y| *y = 1.0 / (1.0 + (-*y).exp()));
        }
        &self.y
    }

    /// From the gradient with respect to the outputs, times the learning rate: updates the weights, and returns the
    /// gradient with respect to the inputs.
    fn backward(&mut self, d_output: &[[f32; O]; B]) -> [[f32; I]; B] {
        let mut d_z = *d_output;
        for (d, y) in d_z.iter_mut().flatten().zip(self.y.iter().flatten()) {
            *d *= y * (1.0 - y);
        }
        let mut d_input = [[0.0; I]; B];
        for (d_input, d) in d_input.iter_mut().zip(&d_z) {
            for (d_input, w) in d_input.iter_mut().zip(&self.w) {
                *d_input = w.iter().zip(d).map(|(w, d)| w * d).sum();
            }
        }
        for (x, d) in self.x.iter().zip(&d_z) {
            for (x, w) in x.iter().zip(&mut self.w) {
                w.iter_mut().zip(d).for_each(|(w, d)| *w -= x * d);
            }
        }
        d_input
    }
}

/// The gradient with respect to the outputs times the learning rate: `rate · (y - t)`.
fn gradient<const O: usize, const B: usize>(y: &[[f32; O]; B], t: &[[f32; O]; B], rate: f32) -> [[f32; O]; B] {
    let mut d = *y;
    d.iter_mut().flatten().zip(t.iter().flatten()).for_each(|(d, t)| *d = rate * (*d - t));
    d
}

/// Runs the steps after a warm-up of a tenth of them, and prints one line.
fn report(name: &str, steps: usize, mut step: impl FnMut(usize)) {
    (0..steps / 10).for_each(&mut step);
    let start = Instant::now();
    (0..steps).for_each(&mut step);
    let seconds = start.elapsed().as_secs_f64();
    println!("rust {name}: {steps} steps, {seconds:.3} s, {:.4} us/step", seconds * 1e6 / steps as f64);
}

fn xor(steps: usize, random: &mut impl FnMut() -> f32) {
    const X: [[[f32; 2]; 1]; 4] = [[[0.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 1.0]]];
    const T: [[[f32; 2]; 1]; 4] = [[[0.99, 0.01]], [[0.01, 0.99]], [[0.01, 0.99]], [[0.99, 0.01]]];
    let (mut first, mut second) = (Layer::<2, 30, 1>::new(random), Layer::<30, 2, 1>::new(random));
    report("xor 2-30-2 batch 1", steps, |step| {
        let y = second.forward(first.forward(black_box(&X[step % 4])));
        let d_output = gradient(y, &T[step % 4], 0.1);
        first.backward(&second.backward(&d_output));
    });
    if steps >= 20_000 {
        for (x, t) in X.iter().zip(&T) {
            let y = second.forward(first.forward(x))[0];
            assert_eq!(y[1] > y[0], t[0][1] > t[0][0], "a class is wrong");
        }
    }
}

fn mlp(steps: usize, random: &mut impl FnMut() -> f32) {
    let x = [(); 8].map(|_| [(); 8].map(|_| [(); 8].map(|_| random())));
    let t = [(); 8].map(|_| [(); 8].map(|_| [(); 4].map(|_| random())));
    let (mut first, mut second) = (Layer::<8, 32, 8>::new(random), Layer::<32, 32, 8>::new(random));
    let mut third = Layer::<32, 4, 8>::new(random);
    report("mlp 8-32-32-4 batch 8", steps, |step| {
        let y = third.forward(second.forward(first.forward(black_box(&x[step % 8]))));
        let d_output = gradient(y, &t[step % 8], 0.1 / 8.0);
        first.backward(&second.backward(&third.backward(&d_output)));
    });
    black_box(first.w);
}

fn main() {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let arguments = std::env::args().collect::<Vec<_>>();
    let steps = |default| arguments.get(2).map_or(default, |steps| steps.parse().expect("STEPS is a number"));
    match arguments.get(1).map(String::as_str) {
        Some("xor") => xor(steps(4_000_000), &mut random),
        Some("mlp") => mlp(steps(100_000), &mut random),
        _ => {
            eprintln!("usage: rust_loop xor|mlp [STEPS]");
            std::process::exit(2);
        }
    }
}
