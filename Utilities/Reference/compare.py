"""Prints the relative error in norm of tensors against expected ones, the worst first.

    python compare.py ACTUAL EXPECTED [--tolerance 1e-3] [--worst 10]

Both are .npy, or both .safetensors. Exits with 1 where a key is missing or unexpected, a shape differs, or an error is
above the tolerance.
"""

import argparse
import sys

import numpy as np

import tensor_files

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("actual")
parser.add_argument("expected")
parser.add_argument("--tolerance", type=float, default=1e-3)
parser.add_argument("--worst", type=int, default=10, help="how many tensors to print")
arguments = parser.parse_args()


def load(path):
    return {"": np.load(path)} if path.endswith(".npy") else tensor_files.load(path)


actual, expected = load(arguments.actual), load(arguments.expected)
failures = [f"missing {key}" for key in expected if key not in actual]
failures += [f"unexpected {key}" for key in actual if key not in expected]
errors = []
for key in expected:
    if key not in actual:
        continue
    a, e = actual[key].astype(np.float64), expected[key].astype(np.float64)
    if a.shape != e.shape:
        failures.append(f"{key}: {a.shape} in place of {e.shape}")
        continue
    norm = np.linalg.norm(e.ravel())
    error = np.linalg.norm((a - e).ravel()) / norm if norm > 0 else np.linalg.norm(a.ravel())
    errors.append((error if np.isfinite(error) else np.inf, key, norm))
errors.sort(reverse=True)
for error, key, norm in errors[:arguments.worst]:
    print(f"{error:.3e}  {key or 'array'}  (norm {norm:.4g})")
above = sum(error > arguments.tolerance for error, _, _ in errors)
print(f"{len(errors)} tensors compared, {above} above {arguments.tolerance:g}")
for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(1 if failures or above else 0)
