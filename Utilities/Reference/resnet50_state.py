"""Writes what `fovea forward` and `fovea gradients` take and must give, from PyTorch in float32.

    python resnet50_state.py --out DIR [--model resnet50] [--batch 2] [--size 224] [--classes 1000]

    DIR/weights.safetensors   torchvision's state dict, filled by the formula
    DIR/input.npy             [N, C, H, W] f32
    DIR/labels.npy            [N] i64
    DIR/logits.npy            what `fovea forward` must give (prediction mode)
    DIR/gradients.safetensors what `fovea gradients` must give (training mode, mean cross-entropy)
    DIR/loss.txt              the loss that goes with the gradients
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import formula
import tensor_files
from reference_torch import fill, network

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=pathlib.Path, required=True)
parser.add_argument("--model", default="resnet50")
parser.add_argument("--batch", type=int, default=2)
parser.add_argument("--size", type=int)
arguments = parser.parse_args()

small = arguments.model in ("lenet5", "lenet5_relu", "mlp")
tiny = arguments.model.startswith("resnet_tiny")
classes = 10 if small or tiny else 1000
size = arguments.size or (28 if small else 32 if tiny else 224)

arguments.out.mkdir(parents=True, exist_ok=True)
module = fill(network(arguments.model))
state = {k: v.numpy().copy() for k, v in module.state_dict().items()}
x = formula.data((arguments.batch, 1 if small else 3, size, size))
labels = formula.labels(arguments.batch, classes)
module.eval()
with torch.no_grad():
    logits = module(torch.from_numpy(x))
module.train()
loss = F.cross_entropy(module(torch.from_numpy(x)), torch.from_numpy(labels))
loss.backward()

tensor_files.save(arguments.out / "weights.safetensors", state)
tensor_files.save(arguments.out / "gradients.safetensors", {k: p.grad.numpy() for k, p in module.named_parameters()})
np.save(arguments.out / "input.npy", x)
np.save(arguments.out / "labels.npy", labels)
np.save(arguments.out / "logits.npy", logits.numpy())
(arguments.out / "loss.txt").write_text(f"{float(loss)!r}\n")
print(f"loss {float(loss):.7g}, logits' norm {float(logits.norm()):.7g}, written to {arguments.out}")
