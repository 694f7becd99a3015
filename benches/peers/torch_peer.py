#!/usr/bin/env python3
"""A yardstick: the same small networks trained in PyTorch (eager, float32).

usage: torch_peer.py [xor | mlp] [STEPS] [--device cpu|cuda]

xor: 2-30-2, batch 1, the four samples in order. mlp: 8-32-32-4, batch 8, 64 random samples in order.
Both: linear layers without bias, sigmoid after each, loss 1/2 * sum (y - t)^2 (its mean over the batch),
torch.optim.SGD at learning rate 0.1. On the CPU it uses one thread. The samples are on the device before
the clock starts, and nothing is read back until it has stopped.

Prints one line: name, job, steps, seconds, microseconds a step. After 20,000 steps of xor or more it also
checks that the four classes are right, and exits 1 where they are not. Needs torch (and a CUDA build of it
and a GPU for --device cuda).
"""
import argparse
import sys
import time

import torch
from torch import nn

RATE = 0.1
DEFAULT_STEPS = {"xor": 20_000, "mlp": 15_000}


def network(sizes, device):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        linear = nn.Linear(inputs, outputs, bias=False)
        nn.init.normal_(linear.weight, std=inputs**-0.5)
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers).to(device)


def train(net, xs, ts, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    for i in range(steps):
        x, t = xs[i % len(xs)], ts[i % len(ts)]
        optimizer.zero_grad()
        loss = 0.5 * ((net(x) - t) ** 2).sum(1).mean()
        loss.backward()
        optimizer.step()


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser(description="PyTorch yardstick: prints one line with the time a step takes")
    parser.add_argument("job", nargs="?", default="xor", choices=DEFAULT_STEPS)
    parser.add_argument("steps", nargs="?", type=int)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    steps = args.steps or DEFAULT_STEPS[args.job]
    torch.set_num_threads(1)
    torch.manual_seed(1)

    if args.job == "xor":
        sizes, batch = (2, 30, 2), 1
        x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        t = torch.tensor([[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]])
    else:
        sizes, batch = (8, 32, 32, 4), 8
        x, t = torch.rand(64, sizes[0]), torch.rand(64, sizes[-1])
    x, t = x.to(args.device), t.to(args.device)
    xs, ts = x.split(batch), t.split(batch)

    train(network(sizes, args.device), xs, ts, steps // 10)  # warm-up, on a network of its own
    net = network(sizes, args.device)
    wait(args.device)
    start = time.perf_counter()
    train(net, xs, ts, steps)
    wait(args.device)
    seconds = time.perf_counter() - start

    job = f"{args.job} {'-'.join(map(str, sizes))} batch {batch}"
    per_step = seconds / steps * 1e6
    print(f"torch-{args.device} {job}: {steps} steps, {seconds:.3f} s, {per_step:.2f} us/step")
    if args.job == "xor" and steps >= 20_000:
        with torch.no_grad():
            right = torch.equal(net(x).argmax(1), t.argmax(1))
        if not right:
            sys.exit("torch xor: the classes are wrong")


if __name__ == "__main__":
    main()
