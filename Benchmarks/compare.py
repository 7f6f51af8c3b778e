"""Runs Fovea and its peers side by side and prints medians and ratios. See `Benchmarks/compare`."""

import argparse
import importlib.util
import os
import statistics
import sys
from dataclasses import dataclass, field

import machine
from peers import Fovea, PyTorch, Runtime, Unavailable


@dataclass(frozen=True)
class Work:
    """A network, its batch size, and the optimizer that trains it."""

    name: str
    batch: int
    optimizer: str = "sgd"
    # Those whose training ratios the geometric mean is over: the ten architectures, one network of each.
    counts: bool = True
    has_images: bool = True


WORK = [
    Work("lenet5", 64, "adam"),
    Work("lenet5_relu", 64, "adam", counts=False),
    Work("mlp", 64, "adam", counts=False, has_images=False),
    Work("alexnet", 32),
    Work("vgg16", 8),
    Work("googlenet", 16),
    Work("resnet50", 16),
    Work("xception", 8),
    Work("inception_resnet_v2", 8),
    Work("resnext50_32x4d", 16),
    Work("densenet121", 16),
    Work("seresnet50", 16),
]


@dataclass(frozen=True)
class Target:
    """A ratio that the project asks for: of speed at least, of memory at most, to the better eager PyTorch or to a peer."""

    work: str
    mode: str
    precision: str
    asked: float
    peer: str = "PyTorch"
    quantity: str = "speed"
    # Whether Fovea computes cheap activations once more instead of keeping them.
    recompute: bool = False

    def is_met(self, ratio):
        return ratio >= self.asked if self.quantity == "speed" else ratio <= self.asked

    def __str__(self):
        return f"{'>=' if self.quantity == 'speed' else '<='} {self.asked}x"


# DESIGN section 4.
TARGETS = [
    Target("resnet50", "train", "f32", 1.5),
    Target("resnet50", "infer", "f32", 1.15),
    Target("resnet50", "infer", "f32", 1.03, peer="ONNX Runtime"),
    Target("resnet50", "train", "bf16", 1.25),
    Target("alexnet", "train", "f32", 1.5),
    Target("vgg16", "train", "f32", 1.5),
    Target("googlenet", "train", "f32", 1.5),
    Target("xception", "train", "f32", 1.4),
    Target("inception_resnet_v2", "train", "f32", 1.5),
    Target("resnext50_32x4d", "train", "f32", 1.4),
    Target("densenet121", "train", "f32", 1.4),
    Target("seresnet50", "train", "f32", 1.5),
    Target("lenet5", "train", "f32", 8),
    Target("mlp", "train", "f32", 3),
    Target("resnet50", "train", "f32", 0.75, quantity="memory"),
    Target("resnet50", "train", "f32", 0.5, quantity="memory", recompute=True),
    Target("densenet121", "train", "f32", 0.6, quantity="memory", recompute=True),
]


@dataclass
class Row:
    """What the rounds of one piece of work gave: for each who ran, one result a round."""

    work: Work
    mode: str
    results: dict = field(default_factory=dict)
    eager: list = field(default_factory=list)

    def median(self, name, key="samplesPerSecond"):
        return statistics.median(result[key] for result in self.results[name])

    def best(self):
        """The faster of PyTorch's memory formats; `None` where none ran."""
        names = [name for name in self.eager if name in self.results]
        return max(names, key=self.median) if names else None

    def ratios(self, name):
        """Fovea's speed over that of `name`, round by round."""
        pairs = zip(self.results["Fovea"], self.results[name])
        return [ours["samplesPerSecond"] / theirs["samplesPerSecond"] for ours, theirs in pairs]

    def ratio(self, target):
        """What `target` is about; `None` where it was not measured."""
        name = self.best() if target.peer == "PyTorch" else target.peer
        if name not in self.results:
            return None
        if target.quantity == "memory":
            return self.median("Fovea", "peakBytes") / self.median(name, "peakBytes")
        return statistics.median(self.ratios(name))

    def cells(self):
        best = self.best()
        peers = [name for name in self.results if name != "Fovea"]
        spread = [f"{name} {rate(self.median(name))} ({ratio_text(self.ratios(name))})" for name in peers]
        memory = [f"{name} {self.median(name, 'peakBytes') / 1e6:,.0f}" for name in self.results]
        ratio = ratio_text(self.ratios(best), bold=True) if best else ""
        return [
            f"{self.work.name}, {self.work.batch}", rate(self.median("Fovea")), "; ".join(spread), ratio, "; ".join(memory),
            f"{self.median('Fovea', 'peakBytes') / self.median(best, 'peakBytes'):.2f}x" if best else "",
        ]


def rate(number):
    return f"{number:,.0f}" if number >= 1000 else f"{number:.1f}"


def ratio_text(ratios, bold=False):
    middle = f"{statistics.median(ratios):.2f}x"
    return f"{'**' + middle + '**' if bold else middle}, {min(ratios):.2f}-{max(ratios):.2f}"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def peers_of(work, mode, arguments, runtimes):
    """Those who run `work`, by the names of the table."""
    formats = ["contiguous", "channels_last"] if work.has_images else ["contiguous"]
    peers = {format: PyTorch(format=format) for format in formats}
    eager = list(peers)
    if arguments.torch_compile:
        peers["torch.compile"] = PyTorch(format=formats[-1], compiles=True)
    if mode == "train" and work.optimizer == "adam":
        # Not PyTorch's default; it is shown, and not what the ratio is to.
        peers["adam-fused"] = PyTorch(format=formats[-1], optimizer="adam-fused")
    if mode == "infer":
        peers.update({name: Runtime(module) for name, module in runtimes.items()})
    return {"Fovea": Fovea(), **peers}, eager


def measure(work, mode, arguments, runtimes):
    """One row, rounds alternating; a peer that fails is left out with one line on standard error."""
    competitors, eager = peers_of(work, mode, arguments, runtimes)
    results = {name: [] for name in competitors}
    for _ in range(arguments.rounds):
        for name in list(results):
            try:
                results[name].append(competitors[name].measure(work, mode, arguments))
            except Unavailable as error:
                print(f"{work.name} {mode}: {name} is left out: {error}", file=sys.stderr)
                del results[name]
                if name == "Fovea":
                    return None
    return Row(work, mode, results, eager)


def table(mode, rows):
    names = {"train": "Training", "infer": "Prediction"}
    header = [
        f"{names[mode]}, batch", "Fovea, samples/s", "peers, samples/s (Fovea's ratio to each, lowest-highest)",
        "ratio to the better eager PyTorch", "peak memory, MB", "Fovea's to PyTorch's",
    ]
    return [line(header), line(["---"] * len(header))] + [line(row.cells()) for row in rows]


def summary(rows, arguments):
    """The geometric mean of the training ratios, and each target that was measured."""
    lines = []
    training = [row for row in rows if row.mode == "train" and row.work.counts and row.best()]
    if training:
        mean = statistics.geometric_mean(statistics.median(row.ratios(row.best())) for row in training)
        total = sum(work.counts for work in WORK)
        lines += [f"Geometric mean of the training ratios, {len(training)} of {total} architectures: **{mean:.2f}x**.", ""]
    found = []
    for target in TARGETS if arguments.batch is None else []:
        for row in rows:
            recompute = arguments.recompute and row.mode == "train"
            run = (row.work.name, row.mode, arguments.precision, recompute)
            if run == (target.work, target.mode, target.precision, target.recompute):
                ratio = row.ratio(target)
                if ratio is not None:
                    found.append(line([
                        f"{target.work} {target.mode} {target.precision}, {target.quantity} to {target.peer}", str(target),
                        f"{ratio:.2f}x", "met" if target.is_met(ratio) else "**missed**",
                    ]))
    if found:
        lines += [line(["target", "asked", "found", ""]), line(["---"] * 4)] + found
    return lines


def cores():
    return len(os.sched_getaffinity(0))


def caption(arguments):
    options = ["--rounds", str(arguments.rounds), "--seconds", f"{arguments.seconds:g}"]
    options += [part for name in arguments.work or [] for part in ("--work", name)]
    options += [part for mode in arguments.mode or [] for part in ("--mode", mode)]
    options += ["--precision", arguments.precision] if arguments.precision != "f32" else []
    options += ["--recompute"] if arguments.recompute else []
    options += ["--batch", str(arguments.batch)] if arguments.batch is not None else []
    options += ["--torch-compile"] if arguments.torch_compile else []
    options += ["--threads", str(arguments.threads)] if arguments.threads != cores() else []
    return (
        f"`Benchmarks/compare {' '.join(options)}`: {arguments.precision}; medians of {arguments.rounds} rounds, in each of which "
        "everybody runs once, in a process of its own. Whole steps with the data in memory: forward, loss, gradients and update "
        "in training (Adam for LeNet-5 and the MLP, SGD with momentum for the others), forward in prediction. GoogLeNet trains "
        "with both auxiliary heads, AlexNet, VGG-16 and GoogLeNet with their dropout, on either side.")


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/compare")
    parser.add_argument("--rounds", type=int, default=3, help="how often everybody runs")
    parser.add_argument("--seconds", type=float, default=3, help="the time to measure steps in a run, at least 3 steps")
    parser.add_argument("--work", action="append", choices=[work.name for work in WORK], help="all unless given")
    parser.add_argument("--mode", action="append", choices=["train", "infer"], help="both unless given")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32", help="bf16: PyTorch with autocast")
    parser.add_argument("--recompute", action="store_true", help="Fovea trains with less memory")
    parser.add_argument("--batch", type=int, help="another batch size than the targets are for")
    parser.add_argument("--torch-compile", action="store_true", help="torch.compile as one more peer")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--write", action="store_true", help="append the tables to Benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.threads < 1 or arguments.seconds < 0 or (arguments.batch or 1) < 1:
        parser.error("--rounds, --threads and --batch are positive, --seconds is not negative")

    modes = arguments.mode or ["train", "infer"]
    runtimes = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
    for name, module in list(runtimes.items()):
        if "infer" in modes and importlib.util.find_spec(module) is None:
            print(f"{name} is left out: Python has no module {module}", file=sys.stderr)
            del runtimes[name]
    machine.warn_of_load()

    lines = [machine.heading(arguments.threads), "", caption(arguments), ""]
    rows, failures = [], 0
    for mode in modes:
        ours = []
        for work in WORK:
            if arguments.work and work.name not in arguments.work:
                continue
            work = Work(**{**work.__dict__, "batch": arguments.batch or work.batch})
            row = measure(work, mode, arguments, runtimes)
            if row is None:
                failures += 1
                continue
            print(line(row.cells()), file=sys.stderr, flush=True)
            ours.append(row)
        rows += ours
        if ours:
            lines += table(mode, ours) + [""]
    lines += summary(rows, arguments)
    print("\n".join(lines))
    if arguments.write and rows:
        with open(os.path.join(machine.HERE, "RESULTS.md"), "a") as file:
            file.write("\n" + "\n".join(lines).rstrip() + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
