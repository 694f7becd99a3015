#!/usr/bin/env python3
"""Measures wgrad beside its yardsticks: one run on one machine, the programs taking turns, medians.

usage: compare.py [--rounds N] [--python PYTHON] [--burn PROGRAM]

Builds examples/throughput and rust_loop.rs with cargo and rustc, and runs them in turns with numpy_peer.py,
torch_peer.py (where PYTHON has numpy, torch) and burn (where its program was built). Prints Markdown tables:
microseconds a network-step, and how many times as long as wgrad's each took. Needs Python 3.9 alone.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parent
ROOT = PEERS.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def run(command):
    return subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)


def wgrad(network, plan, batch_size=1, networks=1, steps=None):
    """A command that measures one job of wgrad, and how to read microseconds a network-step from its output."""
    command = [TARGET / "release/examples/throughput", "--json", "--runs", "1", "--network", network]
    command += ["--plan", plan, "--batch-size", batch_size, "--networks", networks]
    command += ["--steps", steps] if steps else []

    def microseconds(output):
        return json.loads(output)["rows"][0]["microseconds_a_network_step"]

    return command, microseconds


def peer(*command):
    """A command that prints `… us/step`."""
    return list(command), lambda output: float(re.search(r"([\d.]+) us/step", output).group(1))


def measure(title, programs, rounds):
    """Runs the programs in turns; the first is what the others are compared with."""
    print(f"\n#### {title}\n")
    figures = {name: [] for name, _ in programs}
    failed = {}
    for _ in range(rounds):
        for name, (command, microseconds) in programs:
            if name in failed:
                continue
            result = run(command)
            if result.returncode != 0:
                failed[name] = (result.stderr.strip().splitlines() or ["no words"])[-1]
                continue
            figures[name].append(microseconds(result.stdout))
    medians = {name: statistics.median(found) for name, found in figures.items() if found}
    first = programs[0][0]
    print("| program | µs a network-step, median | least to most | times as long |")
    print("| --- | ---: | ---: | ---: |")
    for name, _ in programs:
        if name in medians:
            found, median = figures[name], medians[name]
            ratio = f"{median / medians[first]:.3g}" if first in medians else ""
            print(f"| {name} | {median:.4g} | {min(found):.4g} to {max(found):.4g} | {ratio} |")
        else:
            print(f"| {name} | not measured: {failed.get(name)} | | |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="Measures wgrad beside its yardsticks, and prints Markdown")
    parser.add_argument("--rounds", type=int, default=7, help="how often each program runs")
    parser.add_argument("--python", default=sys.executable, help="a Python that has numpy, torch or both")
    parser.add_argument("--burn", help="burn's program, target/release/burn-peer of benches/peers/burn")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    rust_loop = TARGET / "peers" / "rust_loop"
    rust_loop.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        ["cargo", "build", "--release", "--example", "throughput"],
        ["rustc", "--edition", "2024", "-Copt-level=3", "-Ctarget-cpu=native", PEERS / "rust_loop.rs", "-o", rust_loop],
    ):
        result = run(command)
        if result.returncode != 0:
            sys.exit(result.stderr)
    first = run(wgrad("2-30-2", "auto", steps=4)[0])
    if first.returncode != 0:
        sys.exit(first.stderr)
    heading = json.loads(first.stdout)
    print(f"### {heading['adapter']}, {heading['backend']}, {heading['driver']}, wgpu {heading['wgpu']}")

    python = []
    for module, script, name in (("numpy", "numpy_peer.py", "NumPy float64"), ("torch", "torch_peer.py", "PyTorch, CPU")):
        version = run([options.python, "-c", f"import {module}; print({module}.__version__)"])
        if version.returncode == 0:
            python.append((f"{name} ({module} {version.stdout.strip()})", PEERS / script))
        else:
            print(f"\n{module} is not there: not measured", file=sys.stderr)

    def peers(job):
        found = [(name, peer(options.python, script, job)) for name, script in python]
        found.append(("plain Rust loop, f32, one thread", peer(rust_loop, job)))
        if job == "xor" and options.burn:
            found.append(("burn, wgpu backend", peer(options.burn)))
        return found

    measure(
        "XOR 2-30-2, one sample a step",
        [
            ("wgrad, persistent-subgroup", wgrad("2-30-2", "persistent-subgroup", steps=400_000)),
            ("wgrad, persistent-invocation (no feature)", wgrad("2-30-2", "persistent-invocation", steps=400_000)),
            ("wgrad, persistent-workgroup", wgrad("2-30-2", "persistent-workgroup", steps=40_000)),
            ("wgrad, layered", wgrad("2-30-2", "layered", steps=2_000)),
            *peers("xor"),
        ],
        options.rounds,
    )
    measure(
        "64 networks 2-30-2 at once, one sample a step",
        [
            ("wgrad, persistent-invocation", wgrad("2-30-2", "persistent-invocation", networks=64, steps=100_000)),
            ("wgrad, persistent-subgroup", wgrad("2-30-2", "persistent-subgroup", networks=64, steps=40_000)),
            *[program for program in peers("xor") if not program[0].startswith("burn")],
        ],
        options.rounds,
    )
    measure(
        "8-32-32-4, batch size 8",
        [
            ("wgrad, persistent-workgroup", wgrad("8-32-32-4", "persistent-workgroup", batch_size=8, steps=10_000)),
            ("wgrad, persistent-subgroup", wgrad("8-32-32-4", "persistent-subgroup", batch_size=8, steps=50_000)),
            ("wgrad, layered", wgrad("8-32-32-4", "layered", batch_size=8, steps=1_000)),
            *peers("mlp"),
        ],
        options.rounds,
    )


if __name__ == "__main__":
    main()
