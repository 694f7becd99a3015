#!/usr/bin/env python3
"""Compares wgrad with its yardsticks: one run on one machine, the programs taking turns, medians.

usage: compare.py [--rounds N] [--only WORD] [--python PYTHON] [--burn PROGRAM]

Builds benches/throughput.rs and rust_loop.rs with cargo and rustc, and runs them in turns with numpy_peer.py,
torch_peer.py (if PYTHON has numpy, torch) and burn (if --burn gives its program). Prints Markdown tables:
microseconds per network-step, and the ratio of each time to that of the first row. The yardsticks train the
small networks in one thread, which is the fastest there, and the others in their default number of threads; wgrad uses
its whole device. Exits with 1 if a program, or a check of what it learned, failed. Needs only Python 3.9.
"""
import argparse
import functools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parent
ROOT = PEERS.parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


class Failed(Exception):
    """A program failed; the message is the last line it printed."""


XOR = "XOR 2-30-2, one sample per step"
ONE_THREAD = {threads: "1" for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def run(command, environment=None):
    """The standard output of a program."""
    try:
        arguments = [str(argument) for argument in command]
        environment = {**os.environ, **(environment or {})}
        result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=environment)
    except OSError as error:
        raise Failed(str(error)) from error
    if result.returncode != 0:
        raise Failed((result.stderr.strip().splitlines() or ["no message"])[-1])
    return result.stdout


@functools.cache
def throughput():
    """The path of benches/throughput.rs, built: only cargo knows where it puts the program."""
    built = run(["cargo", "bench", "--no-run", "--bench", "throughput", "--message-format", "json"])
    programs = (json.loads(line).get("executable") for line in built.splitlines())
    return next(filter(None, programs))


def wgrad(network, plan, batch_size=1, networks=1, steps=None):
    """A command that measures one job of wgrad, and a function that reads microseconds per network-step from its output."""
    command = [throughput(), "--bench", "--json", "--runs", "1", "--network", network]
    command += ["--plan", plan, "--batch-size", batch_size, "--networks", networks]
    command += ["--steps", steps] if steps else []

    def microseconds(output):
        return json.loads(output)["rows"][0]["microseconds_per_network_step"]

    return command, microseconds


def peer(*command):
    """A command that prints `… us/step`, and a function that reads the figure."""
    return list(command), lambda output: float(re.search(r"([\d.]+) us/step", output).group(1))


def measure(title, programs, options, environment):
    """Runs the programs in turns, and compares all with the first that ran. Returns whether none failed."""
    if options.only not in title:
        return True
    print(f"\n#### {title}\n")
    figures = {name: [] for name, _ in programs}
    failures = {}
    for _ in range(options.rounds):
        for name, (command, microseconds) in programs:
            if name in failures:
                continue
            try:
                figures[name].append(microseconds(run(command, environment)))
            except Failed as failure:
                failures[name] = failure
    medians = {name: statistics.median(found) for name, found in figures.items() if name not in failures}
    first = next(iter(medians.values()), None)
    print("| program | µs per network-step, median | minimum to maximum | times as long |")
    print("| --- | ---: | ---: | ---: |")
    for name, _ in programs:
        if name in failures:
            print(f"| {name} | failed in round {len(figures[name]) + 1}: {failures[name]} | | |")
        else:
            found, median = figures[name], medians[name]
            print(f"| {name} | {median:.4g} | {min(found):.4g} to {max(found):.4g} | {median / first:.3g} |")
    sys.stdout.flush()
    return not failures


def processor():
    """The processor's name and its number of cores."""
    name = platform.processor() or platform.machine()
    try:
        name = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()).group(1)
    except (OSError, AttributeError):
        pass
    return f"{name}, {os.cpu_count()} cores"


def program(name):
    """A program's absolute path; a bare name is left to be looked up in PATH."""
    return os.path.abspath(name) if os.sep in name else name


def main():
    parser = argparse.ArgumentParser(description="Compares wgrad with its yardsticks, and prints Markdown")
    parser.add_argument("--rounds", type=int, default=7, help="how often each program runs")
    parser.add_argument("--only", default="", help="only the jobs whose titles contain this")
    parser.add_argument("--python", type=program, default=sys.executable, help="a Python that has numpy, torch or both")
    parser.add_argument("--burn", type=program, help="burn's program, target/release/burn-peer of benches/peers/burn")
    options = parser.parse_args()
    rust_loop = TARGET / "peers" / "rust_loop"
    rust_loop.parent.mkdir(parents=True, exist_ok=True)
    run(["rustc", "--edition", "2024", "-Copt-level=3", "-Ctarget-cpu=native", PEERS / "rust_loop.rs", "-o", rust_loop])
    heading = json.loads(run(wgrad("2-30-2", "auto", steps=4)[0]))
    print(f"### {heading['adapter']}, {heading['backend']}, {heading['driver']}, wgpu {heading['wgpu']}")
    print(f"\nProcessor: {processor()}. The yardsticks train the small networks in one thread, the others in as many as there are cores.")

    python = []
    for module, script, name in (("numpy", "numpy_peer.py", "NumPy"), ("torch", "torch_peer.py", "PyTorch eager, CPU")):
        try:
            version = run([options.python, "-c", f"import {module}; print({module}.__version__)"]).strip()
            python.append((f"{name} ({module} {version})", PEERS / script))
        except Failed as failure:
            print(f"{module} is not measured: {failure}", file=sys.stderr)
    if options.burn and options.only in XOR:
        run([options.burn, 20_000])  # enough steps for it to check the classes

    def peers(job, *arguments):
        found = [(name, peer(options.python, script, job, *arguments)) for name, script in python]
        if job in ("xor", "mlp"):
            found.append(("plain Rust loop, f32", peer(rust_loop, job)))
        return found

    burn = [("burn, wgpu backend", peer(options.burn))] if options.burn else []
    fine = measure(
        XOR,
        [
            ("wgrad, persistent-subgroup", wgrad("2-30-2", "persistent-subgroup", steps=400_000)),
            ("wgrad, persistent-invocation (no feature)", wgrad("2-30-2", "persistent-invocation", steps=400_000)),
            ("wgrad, persistent-workgroup (no feature)", wgrad("2-30-2", "persistent-workgroup", steps=40_000)),
            ("wgrad, layered", wgrad("2-30-2", "layered", steps=2_000)),
            *peers("xor"),
            *burn,
        ],
        options,
        ONE_THREAD,
    )
    fine &= measure(
        "64 networks 2-30-2 at once, one sample per step",
        [
            ("wgrad, persistent-invocation", wgrad("2-30-2", "persistent-invocation", networks=64, steps=100_000)),
            ("wgrad, persistent-subgroup", wgrad("2-30-2", "persistent-subgroup", networks=64, steps=40_000)),
            *peers("xor"),
        ],
        options,
        ONE_THREAD,
    )
    fine &= measure(
        "8-32-32-4, batch size 8",
        [
            ("wgrad, persistent-workgroup", wgrad("8-32-32-4", "persistent-workgroup", batch_size=8, steps=10_000)),
            ("wgrad, persistent-subgroup", wgrad("8-32-32-4", "persistent-subgroup", batch_size=8, steps=50_000)),
            ("wgrad, layered", wgrad("8-32-32-4", "layered", batch_size=8, steps=1_000)),
            *peers("mlp"),
        ],
        options,
        ONE_THREAD,
    )
    for job, network, batch, steps, most in (
        ("digits", "784-200-10", 1, 1000, 1000),
        ("digits", "784-200-10", 64, 200, 300),
        ("digits", "784-200-10", 1024, 12, 30),
        ("deep", "64-64-64-64-16", 16_384, 4, 8),
    ):
        fine &= measure(
            f"{network}, batch size {batch:,}, float32",
            [
                ("wgrad, layered", wgrad(network, "layered", batch_size=batch, steps=steps)),
                ("wgrad, plain", wgrad(network, "plain", batch_size=batch, steps=max(1, steps // 16))),
                *peers(job, most, "--batch", batch),
            ],
            options,
            {},
        )
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"compare.py: {failure}")
