"""What a table of results says about where and with what it was made."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def processor():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    name = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), platform.machine())
    widths = {"AVX-512 with bf16": "avx512_bf16", "AVX-512": "avx512f", "AVX2": "avx2"}
    flags = set(text.split())
    return f"{name}, {next((width for width, flag in widths.items() if flag in flags), 'SSE')}"


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions():
    found = []
    commit = said("git", "rev-parse", "--short", "HEAD")
    if commit:
        found.append(f"Fovea {commit}" + (" with changes" if said("git", "status", "--porcelain", "-uno") else ""))
    onednn = said("pkg-config", "--modversion", "dnnl")
    if onednn:
        found.append(f"oneDNN {onednn}")
    for name, package in [("PyTorch", "torch"), ("torchvision", "torchvision"), ("timm", "timm"),
                          ("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino")]:
        try:
            found.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def heading(threads):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (f"## {datetime.date.today()}: {processor()}, {threads} threads, {memory:.0f} GB\n\n"
            f"{versions()}; Linux {platform.release()}.")


def warn_of_load():
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"other processes keep {load:.1f} cores busy; figures taken beside them mean little", file=sys.stderr)
