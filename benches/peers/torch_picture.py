#!/usr/bin/env python3
"""A twin of wgrad's networks with input encodings, in PyTorch: it asks a network that wgrad saved, or trains one itself.

usage: torch_picture.py ask NETWORK.safetensors PICTURE.png [--out LEARNED.png]
       torch_picture.py values NETWORK.safetensors [--float32] < POINTS > VALUES
       torch_picture.py train PICTURE.png [--encoding grid|frequency|none] [--steps N] [--batch B] [--seed S]

ask: the PSNR of the network's picture, in float64 and float32, and how far they differ. LEARNED.png is the picture that the
example `picture` wrote of the same network: exits with 1 if it is further than half a level of 8 bits from the twin's.
values: a line of numbers for each line of inputs; for networks of any width, with any encoding and activation of wgrad.
train: the job of the example `picture`: layers 64, 64 relu, 3, without bias, by Xavier uniform; a grid of 16 levels of 2
features, up to 2^15 entries, base 16, scale 1.5, uniform in ±1e-4, or twelve frequencies; random points each step, their
targets bilinear; relative squared error, its denominator held still; Adam at 0.01, 0.9, 0.99, 1e-15, decay 1e-6 of the
matrices. Adam is dense: it moves grid entries by their momentum that a batch does not touch, which wgrad leaves alone.

A point's place in a level of a hash grid is an f32, also in float64: a cell must not depend on the rounding. Everything else
has the network's type. Needs torch, numpy, pillow, safetensors.
"""
import argparse
import functools
import itertools
import math
import sys
import time

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import nn

ENCODINGS = {"grid": "hash_grid(16, 2, 15, 16, 1.5) → ", "frequency": "frequency(12) → ", "none": ""}
MILESTONES = (10, 100, 300, 1000)
POINTS_AT_A_TIME = 1 << 14
HALF_A_LEVEL = 0.5 / 255
ROUNDING = 1e-4  # of float32 outputs, by a device that may place points in a fine level a little differently
PRIMES = (1, 2_654_435_761, 805_459_861)


class Failed(Exception):
    """What is wrong with a file or an argument."""


def frequency(x, frequencies):
    """Of each input: sin(2^k π x), cos(2^k π x) for each k. Whole turns are exact."""
    turns = x[..., None] * torch.tensor([2.0 ** (k - 1) for k in range(frequencies)])
    angles = 2 * math.pi * (turns - turns.round())
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def quartic_below(u):
    """The area of the quartic kernel, of radius 1, below u."""
    u = u.clamp(-1, 1)
    return 0.5 + 15 / 16 * (u - 2 / 3 * u**3 + 1 / 5 * u**5)


def one_blob(x, bins):
    """Of each input: how much of the kernel around it lies in each bin. The bins repeat."""
    past = bins * x[..., None] - torch.arange(bins)  # the beginning of a bin
    past = past - bins * (past / bins).round()
    return (quartic_below(1 - past) - quartic_below(-past)).flatten(1)


def spherical_harmonics(inputs, degree):
    """Of three inputs from 0 to 1: the real spherical harmonics below the degree."""
    x, y, z = (2 * inputs - 1).unbind(1)

    def root(numerator, denominator):
        return math.sqrt(numerator / (denominator * math.pi))

    values = [
        root(1, 4) * torch.ones_like(x),
        -root(3, 4) * y,
        root(3, 4) * z,
        -root(3, 4) * x,
        root(15, 4) * x * y,
        -root(15, 4) * y * z,
        root(5, 16) * (3 * z**2 - 1),
        -root(15, 4) * x * z,
        root(15, 16) * (x**2 - y**2),
        root(35, 32) * y * (y**2 - 3 * x**2),
        root(105, 4) * x * y * z,
        root(21, 32) * y * (1 - 5 * z**2),
        root(7, 16) * z * (5 * z**2 - 3),
        root(21, 32) * x * (1 - 5 * z**2),
        root(105, 16) * z * (x**2 - y**2),
        root(35, 32) * x * (3 * y**2 - x**2),
    ]
    return torch.stack(values[: degree**2], dim=1)


class HashGrid(nn.Module):
    """Features of tables, interpolated between the corners of a point's cell in each level."""

    def __init__(self, dimensions, levels, features, table_log2, base_resolution, per_level_scale, smoothstep=0):
        super().__init__()
        self.dimensions, self.is_smooth = dimensions, smoothstep == 1
        self.levels = []
        factor, first = 1.0, 0
        for _ in range(levels):
            scale = base_resolution * factor - 1
            resolution = math.ceil(scale) + 1
            is_hashed = resolution**dimensions > 1 << table_log2
            entries = 1 << table_log2 if is_hashed else min(-(-(resolution**dimensions) // 8) * 8, 1 << table_log2)
            self.levels.append((np.float32(scale).item(), resolution, entries, first, is_hashed))
            first += entries
            factor *= per_level_scale
        self.table = nn.Parameter(torch.empty(first, features).uniform_(-1e-4, 1e-4))

    def corners(self, x):
        """For each level: the entries [points, corners] of a cell's corners, and their weights."""
        x = x.float().nan_to_num(0, posinf=1, neginf=0).clamp(0, 1)
        for scale, resolution, entries, first, is_hashed in self.levels:
            place = scale * x + 0.5
            cell = place.floor()
            upper = (place - cell).to(self.table.dtype)
            if self.is_smooth:
                upper = upper**2 * (3 - 2 * upper)
            sides = (1 - upper).unbind(1), upper.unbind(1)
            # What each coordinate of a cell's lower and upper side adds to an index.
            factors = PRIMES if is_hashed else [resolution**d for d in range(self.dimensions)]
            terms = [[(of + side) * factor for of, factor in zip(cell.long().unbind(1), factors)] for side in (0, 1)]
            add = torch.bitwise_xor if is_hashed else torch.add
            indices, weights = [], []
            for corner in itertools.product((0, 1), repeat=self.dimensions):
                index = functools.reduce(add, (terms[side][d] for d, side in enumerate(corner)))
                # Entries that hashes share are a power of two: this takes low bits, which products of 32 bits have too.
                indices.append(first + index % entries)
                weights.append(math.prod(sides[side][d] for d, side in enumerate(corner)))
            yield torch.stack(indices, dim=1), torch.stack(weights, dim=1)

    def forward(self, x):
        indices, weights = (torch.stack(parts, dim=1) for parts in zip(*self.corners(x)))
        # The gradient with respect to the table is computed far faster than that of `embedding_bag` on a processor.
        features = self.table.index_select(0, indices.flatten()).unflatten(0, indices.shape)
        return (features * weights[..., None]).sum(2).flatten(1)


class Function(nn.Module):
    """A function without parameters."""

    def __init__(self, function, *arguments):
        super().__init__()
        self.function, self.arguments = function, arguments

    def forward(self, x):
        return self.function(x, *self.arguments)


ACTIVATIONS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda slope=0.01: nn.LeakyReLU(slope),
    "elu": nn.ELU,
    "exponential": lambda: Function(lambda z: z.clamp(max=88).exp()),
    "softplus": lambda: nn.Softplus(threshold=40),
    "silu": nn.SiLU,
    "gelu": lambda: nn.GELU(approximate="tanh"),
    "sine": lambda omega=30: Function(lambda z: (omega * z).sin()),
    "softmax": lambda: nn.Softmax(dim=1),
}


def name_and_numbers(text):
    """`sine(30)` as `sine` and [30]."""
    name, _, numbers = text.removesuffix(")").partition("(")
    numbers = [float(number) for number in numbers.split(",") if number]
    return name, [int(number) if number.is_integer() else number for number in numbers]


class Network(nn.Module):
    """A network from wgrad's description: `2 → frequency(12) → linear 64 → relu → linear 3 with bias`."""

    def __init__(self, description):
        super().__init__()
        first, *parts = description.split(" → ")
        self.description, self.inputs, self.encoding = description, int(first), nn.Identity()
        width, layers = self.inputs, []
        for part in parts:
            name, numbers = name_and_numbers(part)
            if name == "hash_grid":
                self.encoding = HashGrid(self.inputs, *numbers)
                width = numbers[0] * numbers[1]
            elif name in ("frequency", "one_blob", "spherical_harmonics"):
                self.encoding = Function(globals()[name], *numbers)
                width = {"frequency": 2 * numbers[0] * width, "one_blob": numbers[0] * width}.get(name, numbers[0] ** 2)
            elif part.startswith("linear "):
                outputs = int(part.split()[1])
                layers.append(nn.Linear(width, outputs, bias=part.endswith(" with bias")))
                width = outputs
            elif name in ACTIVATIONS:
                layers.append(ACTIVATIONS[name](*numbers))
            else:
                raise Failed(f"`{part}` of `{description}` is no layer that is known here")
        self.outputs, self.layers = width, nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(self.encoding(x))


def load(path):
    """A network that wgrad saved, in float32."""
    try:
        with safe_open(path, framework="pt") as file:
            description = (file.metadata() or {}).get("wgrad.mlp")
            tensors = {name: file.get_tensor(name) for name in file.keys() if not name.startswith("training.")}
    except (OSError, SafetensorError) as error:
        raise Failed(f"{path} cannot be read: {error}") from error
    if description is None:
        raise Failed(f"{path} has no metadata `wgrad.mlp`: wgrad did not save it")
    network = Network(description)
    named = {"encoding.table" if name == "grid" else f"layers.{name}": tensor for name, tensor in tensors.items()}
    try:
        network.load_state_dict(named)
    except RuntimeError as error:  # a population's tensors, for example
        raise Failed(f"{path} is not of one network {description}: {error}") from error
    return network


@torch.no_grad()
def values(network, x):
    """The network's outputs for points of float32, computed in its own type."""
    dtype = next(network.parameters()).dtype
    return torch.cat([network(part.to(dtype)) for part in x.split(POINTS_AT_A_TIME)])


def read_picture(path):
    """The picture's values [height, width, 3] from 0 to 1, as they are stored."""
    try:
        return torch.from_numpy(np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error}") from error


def centres(picture):
    """The centres of all pixels [pixels, 2], across and down, from 0 to 1."""
    height, width, _ = picture.shape
    down, across = torch.meshgrid((torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
    return torch.stack([across.flatten(), down.flatten()], dim=1)


def psnr(learned, picture):
    """The peak signal-to-noise ratio in decibels; values that a file cannot hold are clamped."""
    return -10 * (learned.double().clamp(0, 1) - picture.flatten(0, 1)).square().mean().log10().item()


def bilinear(picture, x):
    """The picture at points, between the centres of its pixels; beyond the outermost it goes on as it is there."""
    height, width, _ = picture.shape
    place = x * torch.tensor([width, height]) - 0.5
    low = place.floor()
    u, v = (place - low).split(1, dim=1)
    left, right = ((low[:, 0].long() + i).clamp(0, width - 1) for i in (0, 1))
    top, bottom = ((low[:, 1].long() + i).clamp(0, height - 1) for i in (0, 1))
    above = torch.lerp(picture[top, left], picture[top, right], u)
    below = torch.lerp(picture[bottom, left], picture[bottom, right], u)
    return torch.lerp(above, below, v)


def ask(args):
    network, picture = load(args.network), read_picture(args.picture)
    if (network.inputs, network.outputs) != (2, 3):
        raise Failed(f"{args.network} has {network.inputs} inputs and {network.outputs} outputs: a picture's has 2 and 3")
    x = centres(picture)
    single, double = values(network, x), values(network.double(), x)
    print(f"network    {network.description}")
    print(f"PSNR       {psnr(double, picture):.4f} dB in float64, {psnr(single, picture):.4f} dB in float32")
    print(f"difference {(single - double).abs().max():.2e} at most between the two, outputs up to {double.abs().max():.3f}")
    if args.out is None:
        return
    learned = read_picture(args.out)
    if learned.shape != picture.shape:
        raise Failed(f"{args.out} has another size than {args.picture}")
    difference = (learned.flatten(0, 1) - double.clamp(0, 1)).abs().max().item()
    print(f"           {difference:.6f} at most from {args.out}; half a level of 8 bits is {HALF_A_LEVEL:.6f}")
    if not difference <= HALF_A_LEVEL + ROUNDING:
        raise Failed(f"{args.out} is not what the network gives")


def print_values(args):
    network = load(args.network)
    try:
        points = [[float(number) for number in line.split()] for line in sys.stdin]
    except ValueError as error:
        raise Failed(f"the points: {error}") from error
    for line, point in enumerate(points, 1):
        if len(point) != network.inputs:
            raise Failed(f"the points: line {line} has {len(point)} numbers, and the network has {network.inputs} inputs")
    x = torch.tensor(points).reshape(-1, network.inputs)
    for row in values(network if args.float32 else network.double(), x).tolist():
        print(*row)


def train(args):
    picture = read_picture(args.picture)
    torch.manual_seed(args.seed)
    network = Network(f"2 → {ENCODINGS[args.encoding]}linear 64 → relu → linear 64 → relu → linear 3")
    matrices = list(network.layers.parameters())
    for matrix in matrices:
        nn.init.xavier_uniform_(matrix)
    groups = [{"params": matrices, "weight_decay": 1e-6}, {"params": list(network.encoding.parameters())}]
    optimizer = torch.optim.Adam(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-15, fused=True)
    x_of_pixels, seconds = centres(picture), 0.0
    for step in range(1, args.steps + 1):
        begun = time.perf_counter()
        x = torch.rand(args.batch, 2)
        t = bilinear(picture, x)
        y = network(x)
        loss = ((y - t) ** 2 / (y.detach() ** 2 + 0.01)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds += time.perf_counter() - begun
        if step in MILESTONES or step == args.steps:
            decibels = psnr(values(network, x_of_pixels), picture)
            print(f"{args.encoding}: step {step}, PSNR {decibels:.2f} dB, {1e3 * seconds / step:.1f} ms a step", flush=True)


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def main():
    parser = argparse.ArgumentParser(description="A twin of wgrad's networks with input encodings, in PyTorch")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("ask", help="the picture of a network that wgrad saved")
    command.add_argument("network", help="a file that the example `picture` wrote with --save")
    command.add_argument("picture", help="the picture that it learned")
    command.add_argument("--out", help="learned.png, which the example wrote of the same network")
    command.set_defaults(run=ask)
    command = commands.add_parser("values", help="a saved network's outputs for the inputs in standard input")
    command.add_argument("network")
    command.add_argument("--float32", action="store_true", help="in float32 instead of float64")
    command.set_defaults(run=print_values)
    command = commands.add_parser("train", help="learns a picture, and prints PSNR and milliseconds a step")
    command.add_argument("picture")
    command.add_argument("--encoding", default="grid", choices=ENCODINGS)
    command.add_argument("--steps", type=at_least_one, default=1000)
    command.add_argument("--batch", type=at_least_one, default=1 << 14, help="the random points of a step")
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=train)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"torch_picture.py: {failure}")
