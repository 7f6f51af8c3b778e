"""Runs Fovea and PyTorch side by side and prints medians and ratios. See `Benchmarks/compare`."""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOVEA = os.path.join(HERE, "..", ".build", "release", "fovea")

# name: (model, mode, batch, optimizer, PyTorch's variants, the ratio the project asks for)
WORK = {
    "lenet5-train": ("lenet5", "train", 64, "adam", ["contiguous", "channels_last", "adam-fused"], 6),
    "lenet5_relu-train": ("lenet5_relu", "train", 64, "adam", ["contiguous", "channels_last", "adam-fused"], None),
    "mlp-train": ("mlp", "train", 64, "adam", ["contiguous", "adam-fused"], 2.5),
    "mlp-train-sgd": ("mlp", "train", 64, "sgd", ["contiguous"], None),
    "resnet50-train": ("resnet50", "train", 16, "sgd", ["contiguous", "channels_last"], 1.4),
    "resnet50-infer": ("resnet50", "infer", 16, "sgd", ["contiguous", "channels_last"], None),
}


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")
    return json.loads(result.stdout)


def fovea(model, mode, batch, optimizer, threads):
    command = [FOVEA, "bench", model, "--mode", mode, "--batch", str(batch), "--threads", str(threads), "--json"]
    return run(command + (["--optimizer", optimizer] if mode == "train" else []))


def pytorch(model, mode, batch, optimizer, variant, threads):
    command = [sys.executable, os.path.join(HERE, "torch_step.py"), model, "--mode", mode, "--batch", str(batch)]
    command += ["--threads", str(threads)]
    if variant == "adam-fused":
        return run(command + ["--optimizer", "adam-fused"])
    return run(command + ["--optimizer", optimizer, "--format", variant])


def measure(name, rounds, threads):
    model, mode, batch, optimizer, variants, _ = WORK[name]
    ours, theirs = [], {variant: [] for variant in variants}
    for _ in range(rounds):
        ours.append(fovea(model, mode, batch, optimizer, threads))
        for variant in variants:
            theirs[variant].append(pytorch(model, mode, batch, optimizer, variant, threads))
    return ours, theirs


def median(results, key):
    return statistics.median(result[key] for result in results)


def processor():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                flags = open("/proc/cpuinfo").read()
                widest = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE"
                return f"{line.split(':')[1].strip()}, {widest}"
    return platform.processor()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", action="append", choices=list(WORK))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--write", action="store_true", help="append the table to Benchmarks/RESULTS.md")
    arguments = parser.parse_args()

    import torch

    lines = [
        f"## {datetime.date.today()}: {processor()}, {arguments.threads} threads, PyTorch {torch.__version__}",
        "",
        f"`Benchmarks/compare --rounds {arguments.rounds}`; medians of {arguments.rounds} alternating runs, samples/s.",
        "",
        "| work | Fovea | PyTorch (each variant) | ratio to the best | spread of the ratio | asked | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in arguments.work or WORK:
        ours, theirs = measure(name, arguments.rounds, arguments.threads)
        rate = median(ours, "samplesPerSecond")
        rates = {variant: median(results, "samplesPerSecond") for variant, results in theirs.items()}
        # The optimizer fused into one kernel is not PyTorch's default; it is shown, and not what the ratio is to.
        best = max((variant for variant in rates if variant != "adam-fused"), key=rates.get)
        ratios = [a["samplesPerSecond"] / b["samplesPerSecond"] for a, b in zip(ours, theirs[best])]
        memory = median(ours, "peakBytes") / median(theirs[best], "peakBytes")
        asked = WORK[name][5]
        lines.append(
            f"| {name} | {rate:,.1f} | "
            + ", ".join(f"{variant} {value:,.1f}" for variant, value in rates.items())
            + f" | **{statistics.median(ratios):.2f}x** | {min(ratios):.2f}-{max(ratios):.2f} | "
            + (f">= {asked}x" if asked else "")
            + f" | {median(ours, 'peakBytes') / 1e6:,.0f} MB, {memory:.2f}x |")
        print(lines[-1], flush=True)
    if arguments.write:
        with open(os.path.join(HERE, "RESULTS.md"), "a") as file:
            file.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
