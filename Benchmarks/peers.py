"""Fovea and its peers: each measures in a process of its own that prints one line of JSON."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
FOVEA = os.path.join(HERE, "..", ".build", "release", "fovea")
# No measurement takes longer; torch.compile has been seen to.
LONGEST = 1800


class Unavailable(Exception):
    """Somebody cannot do a piece of work; the text is one line that says why."""


def run(command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"took longer than {LONGEST} s") from None
    except OSError as error:
        raise Unavailable(str(error)) from None
    if result.returncode != 0:
        # The last line of a traceback, or the only line of Fovea's, says what is wrong.
        said = [line for line in result.stderr.splitlines() if line.strip()]
        raise Unavailable(next((line for line in reversed(said) if "Error" in line or "error" in line),
                               said[-1] if said else f"ended with {result.returncode}"))
    return result.stdout


def measurement(arguments):
    return ["--seconds", str(arguments.seconds), "--threads", str(arguments.threads), "--precision", arguments.precision]


class Fovea:
    def measure(self, work, mode, arguments):
        command = [FOVEA, "bench", work.name, "--mode", mode, "--batch", str(work.batch), "--json"]
        command += ["--optimizer", work.optimizer] if mode == "train" else []
        command += ["--recompute"] if mode == "train" and arguments.recompute else []
        return json.loads(run(command + measurement(arguments)))


@dataclass
class PyTorch:
    format: str
    optimizer: str | None = None
    compiles: bool = False

    def measure(self, work, mode, arguments):
        command = [sys.executable, os.path.join(HERE, "torch_step.py"), work.name, "--mode", mode]
        command += ["--batch", str(work.batch), "--format", self.format, "--optimizer", self.optimizer or work.optimizer]
        command += ["--compile"] if self.compiles else []
        return json.loads(run(command + measurement(arguments)))


@dataclass
class Runtime:
    """ONNX Runtime or OpenVINO on the network that PyTorch exports."""

    module: str

    def measure(self, work, mode, arguments):
        command = [sys.executable, os.path.join(HERE, "onnx_step.py"), exported(work), "--runtime", self.module]
        return json.loads(run(command + measurement(arguments)))


def exported(work):
    """The network as an ONNX file, made once for each version of PyTorch and kept among the temporary files."""
    folder = os.path.join(tempfile.gettempdir(), f"fovea-onnx-{os.getuid()}-{importlib.metadata.version('torch')}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"{work.name}-{work.batch}.onnx")
    if not os.path.exists(path):
        partial = path + ".partial"
        run([
            sys.executable, os.path.join(HERE, "torch_step.py"), work.name, "--batch", str(work.batch), "--mode", "infer",
            "--threads", "1", "--export", partial,
        ])
        os.replace(partial, path)
    return path
