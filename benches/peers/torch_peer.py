#!/usr/bin/env python3
"""A yardstick: the same networks trained in PyTorch (float32).

usage: torch_peer.py [xor | mlp | digits | deep] [STEPS] [--batch BATCH] [--device cpu|cuda] [--mode eager|compile|graphs]
                     [--optimizer sgd|adam]

xor: 2-30-2, batch 1, the four samples in order. mlp: 8-32-32-4, batch 8, 64 random samples in order.
digits: 784-200-10, batch 64. deep: 64-64-64-64-16, batch 16,384. Both on batches of random numbers.
All: linear layers without bias, sigmoid after each, loss 1/2 * sum (y - t)^2 (its mean over the batch),
torch.optim.SGD at learning rate 0.1, or torch.optim.Adam at 0.001 (then xor is not checked). On the CPU xor and mlp use one thread, the others torch's default. With
--mode compile the step is compiled, and with graphs, on cuda, replayed as a CUDA graph. The samples are on the device before
the clock starts, and nothing is read back until it has stopped.

Prints one line: name, job, steps, seconds, microseconds per step. After 20,000 steps of xor or more it also
checks that the four classes are right, and exits with 1 if they are not. Needs torch (and a CUDA build of it
and a GPU for --device cuda).
"""
import argparse
import sys
import time

import torch
from torch import nn

RATE = 0.1
DEFAULT_STEPS = {"xor": 20_000, "mlp": 15_000, "digits": 500, "deep": 10}


def network(sizes, device):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        linear = nn.Linear(inputs, outputs, bias=False)
        nn.init.normal_(linear.weight, std=inputs**-0.5)
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers).to(device)


def step_of(net, mode, optimizer_name, x, t):
    """The function that does one training step on a batch."""
    optimizer = {
        "sgd": lambda: torch.optim.SGD(net.parameters(), lr=RATE),
        "adam": lambda: torch.optim.Adam(net.parameters(), lr=0.001, capturable=mode == "graphs"),
    }[optimizer_name]()

    def step(x, t):
        optimizer.zero_grad()
        loss = 0.5 * ((net(x) - t) ** 2).sum(1).mean()
        loss.backward()
        optimizer.step()

    if mode == "compile":
        return torch.compile(step)
    if mode == "graphs":
        x, t = x.clone(), t.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(x, t)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(x, t)

        def replay(next_x, next_t):
            x.copy_(next_x)
            t.copy_(next_t)
            graph.replay()

        return replay
    return step


def train(step, xs, ts, steps):
    for i in range(steps):
        step(xs[i % len(xs)], ts[i % len(ts)])


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser(description="PyTorch yardstick: prints one line with the time per step")
    parser.add_argument("job", nargs="?", default="xor", choices=DEFAULT_STEPS)
    parser.add_argument("steps", nargs="?", type=int)
    parser.add_argument("--batch", type=int, help="for digits and deep, the samples per step")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--mode", default="eager", choices=["eager", "compile", "graphs"])
    parser.add_argument("--optimizer", default="sgd", choices=["sgd", "adam"])
    args = parser.parse_args()
    steps = args.steps or DEFAULT_STEPS[args.job]
    if args.job in ("xor", "mlp"):
        torch.set_num_threads(1)
    torch.manual_seed(1)

    if args.job == "xor":
        sizes, batch = (2, 30, 2), 1
        x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        t = torch.tensor([[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]])
    else:
        sizes, batch = {
            "mlp": ((8, 32, 32, 4), 8),
            "digits": ((784, 200, 10), args.batch or 64),
            "deep": ((64, 64, 64, 64, 16), args.batch or 16_384),
        }[args.job]
        samples = max(batch, 64 if args.job == "mlp" else 1024)
        x, t = torch.rand(samples, sizes[0]), torch.rand(samples, sizes[-1])
    x, t = x.to(args.device), t.to(args.device)
    xs, ts = x.split(batch), t.split(batch)

    net = network(sizes, args.device)
    step = step_of(net, args.mode, args.optimizer, xs[0], ts[0])
    train(step, xs, ts, max(steps // 10, 1))  # warm-up
    wait(args.device)
    start = time.perf_counter()
    train(step, xs, ts, steps)
    wait(args.device)
    seconds = time.perf_counter() - start

    job = f"{args.job} {'-'.join(map(str, sizes))} batch {batch}"
    per_step = seconds / steps * 1e6
    print(f"torch-{args.device} {args.mode} {args.optimizer} {job}: {steps} steps, {seconds:.3f} s, {per_step:.2f} us/step")
    if args.job == "xor" and args.optimizer == "sgd" and steps >= 20_000:
        with torch.no_grad():
            right = torch.equal(net(x).argmax(1), t.argmax(1))
        if not right:
            sys.exit("torch xor: the classes are wrong")


if __name__ == "__main__":
    main()
