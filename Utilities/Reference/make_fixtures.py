"""Writes the golden values of Tests/FoveaFixtures/Fixtures.

    python make_fixtures.py [NAME...]

NAMEs: layers, training, and the networks of NETWORKS; all of them where none is given.
PyTorch computes in float64, so that the values are those of the mathematics and the tolerance of a test is that of the
tested side. The largest networks take about 4 GB.
"""

import functools
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import formula
from reference_torch import data_key, fill, input_of, network, timm, torchvision, training_loss
from timm.models.xception import SeparableConv2d

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/FoveaFixtures/Fixtures"


def record(key, tensor, wanted=4):
    """Norm of a tensor, its product with a vector of the formula, and samples.

    The product shows how far another tensor is off as a whole: that of a difference d is about |d| / 1.7.
    """
    flat = tensor.detach().double().flatten().numpy()
    return {
        "shape": list(tensor.shape),
        "norm": rounded(np.sqrt((flat * flat).sum())),
        "product": rounded(product(flat)),
        "samples": [[i, rounded(flat[i])] for i in formula.samples(key, flat.size, wanted)],
    }


def product(flat, step=1 << 22):
    parts = (np.arange(i, min(i + step, flat.size)) for i in range(0, flat.size, step))
    return sum(float(flat[part[0]:part[-1] + 1] @ formula.values_at("product", part).astype(np.float64)) for part in parts)


def rounded(number):
    """Nine digits, two more than float32 has."""
    return float(f"{number:.9g}")


def records(module, wanted=4):
    return {key: record(key, p.grad, wanted) for key, p in module.named_parameters()}


def tensor(array):
    return torch.from_numpy(array).double()


def write(name, content):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    content = {
        "formula": formula.VERSION,
        "versions": {"torch": "2.13.0", "torchvision": "0.28.0", "timm": "1.0.31", "numpy": np.__version__},
        **content,
    }
    path = OUTPUT / f"{name}.json"
    path.write_text(text(content) + "\n")
    print(path.name, path.stat().st_size, "bytes", flush=True)
    assert path.stat().st_size < 200_000, "give fewer samples of each tensor"


def text(value, indent=""):
    """JSON with a tensor's record on one line."""
    nested = isinstance(value, (dict, list)) and any(isinstance(v, dict) for v in items(value))
    if not nested:
        return json.dumps(value)
    inner = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + text(v, inner) for v in value) + "\n" + indent + "]"
    lines = (f"{inner}{json.dumps(k)}: {text(v, inner)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + "\n" + indent + "}"


def items(value):
    return value.values() if isinstance(value, dict) else value


def model_fixture(name, batch, wanted):
    """Logits in prediction; loss, gradients and new statistics in training."""
    shape, classes = input_of(name)
    key = data_key(name)
    module = fill(network(name).double())
    x = tensor(formula.data((batch, *shape), key))
    labels = torch.from_numpy(formula.labels(batch, classes))
    module.eval()
    with torch.no_grad():
        logits = module(x)
    module.train()
    loss = training_loss(module(x), labels)
    loss.backward()
    statistics = {k: record(k, v, wanted) for k, v in module.state_dict().items() if "running" in k}
    write(name, {
        "model": name, "batch": batch, "inputShape": list(shape), "inputKey": key, "classes": classes,
        "parameters": sum(p.numel() for p in module.parameters()),
        "logits": record("logits", logits, 24), "loss": float(loss),
        "gradients": records(module, wanted), "statistics": statistics,
    })


def training_fixture():
    """Losses of ten steps on one batch of 64."""
    runs = []
    optimizers = {
        "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    }
    for model in ("lenet5", "lenet5_relu", "mlp"):
        for optimizer, make in optimizers.items():
            module = fill(network(model).double()).train()
            updates = make(module.parameters())
            x = tensor(formula.data((64, 1, 28, 28)))
            labels = torch.from_numpy(formula.labels(64, 10))
            losses = []
            for _ in range(10):
                updates.zero_grad()
                loss = F.cross_entropy(module(x), labels)
                loss.backward()
                updates.step()
                losses.append(float(loss))
            runs.append({
                "model": model, "optimizer": optimizer, "rate": 1e-3 if optimizer == "adam" else 0.01, "losses": losses,
                "weights": {k: record(k, p) for k, p in module.named_parameters()},
            })
    write("training", {"batch": 64, "classes": 10, "runs": runs})


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.se = timm.layers.SEModule(6, rd_channels=2)

    def forward(self, x):
        return self.se(self.conv(x))


class Flat(nn.Module):
    def forward(self, x):
        return x.flatten(1)


# Each has its counterpart of the same name in Tests/FoveaNNTests/LayerGoldenTests.swift.
LAYERS = {
    "conv_plain": (nn.Conv2d(3, 5, 3), (2, 3, 7, 6)),
    "conv_stride_padding": (nn.Conv2d(3, 5, (3, 5), stride=(2, 3), padding=(1, 2)), (2, 3, 9, 11)),
    "conv_dilated": (nn.Conv2d(3, 4, 3, dilation=2, padding=2, bias=False), (2, 3, 8, 8)),
    "conv_grouped": (nn.Conv2d(6, 9, 3, groups=3, padding=1), (2, 6, 5, 5)),
    "conv_depthwise": (nn.Conv2d(4, 8, 3, groups=4, stride=2, padding=1), (2, 4, 7, 7)),
    "conv_pointwise": (nn.Conv2d(8, 3, 1, bias=False), (3, 8, 4, 4)),
    "conv_same_even": (nn.Conv2d(2, 3, 4, padding="same"), (2, 2, 6, 6)),
    "conv_stride_over_kernel": (nn.Conv2d(2, 3, 2, stride=3), (2, 2, 8, 8)),
    "dense": (nn.Linear(12, 7), (5, 12)),
    "dense_no_bias": (nn.Linear(12, 7, bias=False), (5, 12)),
    "maxpool": (nn.MaxPool2d(2), (2, 3, 7, 6)),
    "maxpool_overlapping": (nn.MaxPool2d(3, 2, 1), (2, 3, 8, 8)),
    "maxpool_ceil": (nn.MaxPool2d(3, 2, ceil_mode=True), (2, 3, 8, 7)),
    "maxpool_ceil_padded": (nn.MaxPool2d(2, 2, 1, ceil_mode=True), (2, 3, 5, 4)),
    "avgpool": (nn.AvgPool2d(2), (2, 3, 7, 6)),
    "avgpool_padded": (nn.AvgPool2d(3, 2, 1), (2, 3, 8, 8)),
    "avgpool_uncounted": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 8, 8)),
    "avgpool_ceil": (nn.AvgPool2d((3, 2), 2, ceil_mode=True), (2, 3, 8, 7)),
    "avgpool_ceil_padded": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 3, 6, 7)),
    "avgpool_ceil_dropped": (nn.AvgPool2d(2, 2, 1, ceil_mode=True), (2, 3, 5, 4)),
    "avgpool_ceil_uncounted": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 3, 6, 7)),
    "gap": (nn.AdaptiveAvgPool2d(1), (2, 3, 5, 4)),
    "adaptive_pixel": (nn.AdaptiveAvgPool2d(7), (2, 3, 1, 1)),
    "adaptive_larger": (nn.AdaptiveAvgPool2d((7, 6)), (2, 2, 2, 4)),
    "adaptive_divisor": (nn.AdaptiveAvgPool2d((2, 4)), (2, 2, 8, 8)),
    "adaptive_overlapping": (nn.AdaptiveAvgPool2d(4), (2, 2, 14, 9)),
    "adaptive_mixed": (nn.AdaptiveAvgPool2d((3, 5)), (2, 2, 7, 5)),
    "separable": (SeparableConv2d(3, 5, 3, 2, 1), (2, 3, 7, 6)),
    "squeeze_excitation": (Gated(), (2, 3, 6, 7)),
    "batchnorm_images": (nn.BatchNorm2d(4), (3, 4, 5, 5)),
    "batchnorm_vectors": (nn.BatchNorm1d(6), (8, 6)),
    "relu": (nn.ReLU(), (2, 3, 4, 4)),
    "tanh": (nn.Tanh(), (2, 3, 4, 4)),
    "sigmoid": (nn.Sigmoid(), (2, 3, 4, 4)),
    "leaky": (nn.LeakyReLU(), (2, 3, 4, 4)),
    "leaky_slope": (nn.LeakyReLU(0.2), (2, 3, 4, 4)),
    "prelu": (nn.PReLU(3), (2, 3, 4, 4)),
    "prelu_shared": (nn.PReLU(), (2, 3, 4, 4)),
    "prelu_vectors": (nn.PReLU(5), (3, 5)),
    "elu": (nn.ELU(), (2, 3, 4, 4)),
    "elu_alpha": (nn.ELU(0.5), (2, 3, 4, 4)),
    "gelu": (nn.GELU(), (2, 3, 4, 4)),
    "gelu_tanh": (nn.GELU(approximate="tanh"), (2, 3, 4, 4)),
    "swish": (nn.SiLU(), (2, 3, 4, 4)),
    "hard_sigmoid": (nn.Hardsigmoid(), (2, 3, 4, 4)),
    "hard_swish": (nn.Hardswish(), (2, 3, 4, 4)),
    "softplus": (nn.Softplus(), (2, 3, 4, 4)),
    "layernorm_images": (nn.LayerNorm([4, 3, 5]), (3, 4, 3, 5)),
    "layernorm_vectors": (nn.LayerNorm(7), (4, 7)),
    "layernorm_channels": (nn.GroupNorm(1, 4), (3, 4, 3, 5)),
    "groupnorm": (nn.GroupNorm(3, 6), (2, 6, 4, 3)),
    "groupnorm_vectors": (nn.GroupNorm(2, 8), (3, 8)),
    "groupnorm_plain": (nn.GroupNorm(3, 6, affine=False), (2, 6, 4, 3)),
    "instancenorm": (nn.InstanceNorm2d(4), (2, 4, 3, 5)),
    "instancenorm_affine": (nn.InstanceNorm2d(4, affine=True), (2, 4, 3, 5)),
    "lrn": (nn.LocalResponseNorm(5), (2, 7, 3, 4)),
    "lrn_alexnet": (nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2), (2, 7, 3, 4)),
    "lrn_strong": (nn.LocalResponseNorm(3, alpha=2, beta=0.5, k=1.5), (2, 7, 3, 4)),
}


def layers_fixture():
    cases = []
    for name, (layer, shape) in LAYERS.items():
        module = fill(nn.Sequential(layer, Flat()).double()).train()
        x = tensor(formula.data(shape)).requires_grad_()
        y = module(x)
        # The squared error summed over the outputs, averaged over the batch.
        loss = ((y - tensor(formula.data(tuple(y.shape), "target"))) ** 2).sum() / shape[0]
        loss.backward()
        case = {
            "name": name, "inputShape": list(shape), "output": record("output", y, 8), "loss": float(loss),
            "inputGradient": record("input", x.grad, 8), "gradients": records(module, 8),
            "statistics": {k: record(k, v) for k, v in module.state_dict().items() if "running" in k},
        }
        module.eval()
        with torch.no_grad():
            case["prediction"] = record("output", module(x), 8)
        cases.append(case)
    x = (tensor(formula.data((6, 5))) * 20).requires_grad_()
    loss = F.cross_entropy(x, torch.from_numpy(formula.labels(6, 5)))
    loss.backward()
    losses = {"crossEntropy": {"loss": float(loss), "inputGradient": record("input", x.grad, 8)}}
    write("layers", {"cases": cases, "losses": losses})


# The batch, and how many numbers of each tensor are written down.
NETWORKS = {
    "lenet5": (8, 4), "resnet20": (2, 4), "resnet20_b": (2, 4), "plain20": (2, 4), "resnet56": (2, 2), "plain56": (2, 2),
    "alexnet_tiny": (4, 4), "alexnet_lrn_tiny": (4, 4), "vgg_tiny": (4, 4), "vgg_bn_tiny": (4, 4),
    "googlenet_tiny": (4, 2), "inception_v1_aux_tiny": (4, 2), "resnet_tiny": (4, 4), "resnet_tiny_bottleneck": (4, 4),
    "resnext_tiny": (4, 4), "densenet_tiny": (4, 4), "xception_tiny": (4, 2), "inception_resnet_tiny": (4, 2),
    "seresnet_tiny": (4, 4), "se_inception_resnet_tiny": (4, 2),
    "alexnet": (2, 8), "alexnet_lrn": (2, 8), "vgg16": (2, 8), "googlenet": (2, 3), "inception_v1": (2, 4),
    "inception_v1_aux": (2, 4),
    "resnet50": (2, 3), "resnext50_32x4d": (2, 3), "densenet121": (2, 2), "xception": (2, 3),
    "inception_resnet_v2": (2, 1), "seresnet50": (2, 3),
}
FIXTURES = {"layers": layers_fixture, "training": training_fixture}
FIXTURES |= {name: functools.partial(model_fixture, name, *plan) for name, plan in NETWORKS.items()}

if __name__ == "__main__":
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    assert torchvision.__version__.startswith("0.28.0"), torchvision.__version__
    assert timm.__version__ == "1.0.31", timm.__version__
    torch.manual_seed(0)
    for name in sys.argv[1:] or FIXTURES:
        FIXTURES[name]()
