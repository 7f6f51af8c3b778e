"""How far PyTorch's own float32 gradients of ResNet-50 are from its float64 ones, and from each other.

    python conditioning.py

A rounding error that turns a ReLU on or off changes every gradient before it by more than rounding. What is printed is
therefore the least that any float32 implementation can be expected to agree to on these weights.
"""

import statistics

import torch
import torch.nn.functional as F

import formula
from reference_torch import fill, network


def gradients(dtype, memory_format, weights):
    torch.manual_seed(1)
    module = network("resnet50")
    if weights == "formula":
        module = fill(module)
    module = module.to(dtype).to(memory_format=memory_format).train()
    x = torch.from_numpy(formula.data((2, 3, 224, 224))).to(dtype).to(memory_format=memory_format)
    F.cross_entropy(module(x), torch.from_numpy(formula.labels(2, 1000))).backward()
    return {key: parameter.grad.double().contiguous() for key, parameter in module.named_parameters()}


def report(name, a, b):
    difference = [((a[key] - b[key]).norm() / b[key].norm()).item() for key in b]
    norm = [abs(a[key].norm() / b[key].norm() - 1).item() for key in b]
    print(f"{name}: |g - h| / |h| median {statistics.median(difference):.1e}, largest {max(difference):.1e}; "
          f"norms differ by up to {max(norm):.1e}", flush=True)


for weights in ("formula", "torchvision's initial ones"):
    double = gradients(torch.float64, torch.contiguous_format, weights)
    single = gradients(torch.float32, torch.contiguous_format, weights)
    last = gradients(torch.float32, torch.channels_last, weights)
    report(f"{weights}, float32 against float64", single, double)
    report(f"{weights}, channels-last against contiguous", last, single)
