#!/usr/bin/env python3
"""A yardstick: networks trained in NumPy, in the style of a teaching notebook.

usage: numpy_peer.py [xor | mlp | digits | deep] [STEPS] [--batch BATCH]

xor: 2-30-2, batch 1, the four samples in order. mlp: 8-32-32-4, batch 8, 64 random samples in order. Both in float64.
digits: 784-200-10, batch 64. deep: 64-64-64-64-16, batch 16,384. Both in float32, on batches of random numbers.
All: linear layers without bias, sigmoid after each, loss 1/2 * sum (y - t)^2 (its mean over the batch),
plain gradient descent at learning rate 0.1. As in the notebook, each layer, even the first, computes the gradient with
respect to its input, and no loss is computed.

Prints one line: name, job, steps, seconds, microseconds per step. After 20,000 steps of xor or more it also
checks that the four classes are right, and exits with 1 if they are not. Needs numpy, which chooses the number of threads;
OPENBLAS_NUM_THREADS=1 sets one, which is the fastest for the small networks.
"""
import argparse
import sys
import time

import numpy as np

RATE = 0.1
DEFAULT_STEPS = {"xor": 200_000, "mlp": 120_000, "digits": 500, "deep": 10}


class Linear:
    def __init__(self, inputs, outputs, rng, dtype):
        self.w = rng.normal(0.0, inputs**-0.5, (inputs, outputs)).astype(dtype)

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dy):
        if dy.ndim == 1:
            self.dw = np.outer(self.x, dy)
        else:
            self.dw = self.x.T @ dy
        return dy @ self.w.T

    def update(self, rate):
        self.w -= rate * self.dw


class Sigmoid:
    def forward(self, x):
        self.y = 1.0 / (1.0 + np.exp(-x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1.0 - self.y)

    def update(self, rate):
        pass


def network(sizes, rng, dtype):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [Linear(inputs, outputs, rng, dtype), Sigmoid()]
    return layers


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train(layers, xs, ts, rate, steps):
    for i in range(steps):
        x, t = xs[i % len(xs)], ts[i % len(ts)]
        d = forward(layers, x) - t
        for layer in reversed(layers):
            d = layer.backward(d)
        for layer in layers:
            layer.update(rate)


def main():
    parser = argparse.ArgumentParser(description="NumPy yardstick: prints one line with the time per step")
    parser.add_argument("job", nargs="?", default="xor", choices=DEFAULT_STEPS)
    parser.add_argument("steps", nargs="?", type=int)
    parser.add_argument("--batch", type=int, help="for digits and deep, the samples per step")
    args = parser.parse_args()
    steps = args.steps or DEFAULT_STEPS[args.job]
    rng = np.random.default_rng(1)
    dtype = np.float64 if args.job in ("xor", "mlp") else np.float32

    if args.job == "xor":
        sizes, rate = (2, 30, 2), RATE
        xs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        ts = np.array([[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]])
        batch = 1
    else:
        sizes, batch = {
            "mlp": ((8, 32, 32, 4), 8),
            "digits": ((784, 200, 10), args.batch or 64),
            "deep": ((64, 64, 64, 64, 16), args.batch or 16_384),
        }[args.job]
        rate = dtype(RATE / batch)  # the gradients are sums over the batch; this takes their mean
        batches = max(1, min(1024, (64 if args.job == "mlp" else 1024) // batch))
        xs = rng.random((batches, batch, sizes[0]), dtype=dtype)
        ts = rng.random((batches, batch, sizes[-1]), dtype=dtype)

    train(network(sizes, rng, dtype), xs, ts, rate, steps // 10)  # warm-up, on another network
    layers = network(sizes, rng, dtype)
    start = time.perf_counter()
    train(layers, xs, ts, rate, steps)
    seconds = time.perf_counter() - start

    shape = "-".join(map(str, sizes))
    per_step = seconds / steps * 1e6
    print(f"numpy {args.job} {shape} batch {batch}: {steps} steps, {seconds:.3f} s, {per_step:.2f} us/step")
    if args.job == "xor" and steps >= 20_000:
        if (forward(layers, xs).argmax(1) != ts.argmax(1)).any():
            sys.exit("numpy xor: the classes are wrong")


if __name__ == "__main__":
    main()
