"""Writes what `fovea forward` and `fovea gradients` take and must give, from PyTorch in float32.

    python model_state.py --out DIR --model NAME [--batch 2]

    DIR/weights.safetensors   the state dict of torchvision or timm, filled by the formula
    DIR/input.npy             [N, C, H, W] f32
    DIR/labels.npy            [N] i64
    DIR/logits.npy            what `fovea forward` must give (prediction mode), computed in float64
    DIR/gradients.safetensors what `fovea gradients` must give (training mode, mean cross-entropy, auxiliary heads at weight
                              0.3, no dropout), computed in float64
    DIR/loss.txt              the loss that goes with the gradients

Prints how far PyTorch's own float32 is from that. A gradient that is zero in exact arithmetic (of a bias before a
normalization) is compared with the largest gradient there, and written as zeros.
"""

import argparse
import pathlib

import numpy as np
import torch

import formula
import tensor_files
from reference_torch import data_key, fill, input_of, network, training_loss

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=pathlib.Path, required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--batch", type=int, default=2)
arguments = parser.parse_args()

shape, classes = input_of(arguments.model)
x = formula.data((arguments.batch, *shape), data_key(arguments.model))
labels = formula.labels(arguments.batch, classes)


def computed(dtype):
    module = fill(network(arguments.model)).to(dtype).eval()
    state = {key: value.numpy().copy() for key, value in module.state_dict().items()}
    batch = torch.from_numpy(x).to(dtype)
    with torch.no_grad():
        logits = module(batch).double().numpy()
    loss = training_loss(module.train()(batch), torch.from_numpy(labels))
    loss.backward()
    return state, logits, loss.item(), {key: p.grad.double().numpy() for key, p in module.named_parameters()}


state, single_logits, single_loss, single = computed(torch.float32)
_, logits, loss, gradients = computed(torch.float64)
largest = max(np.linalg.norm(gradient) for gradient in gradients.values())
without_effect = [key for key, gradient in gradients.items() if np.linalg.norm(gradient) < 1e-10 * largest]
worst = max(np.linalg.norm(single[key] - g) / np.linalg.norm(g) for key, g in gradients.items() if key not in without_effect)
for key in without_effect:
    gradients[key] = np.zeros_like(gradients[key])

arguments.out.mkdir(parents=True, exist_ok=True)
tensor_files.save(arguments.out / "weights.safetensors", state)
tensor_files.save(
    arguments.out / "gradients.safetensors", {key: g.astype(np.float32) for key, g in gradients.items()})
np.save(arguments.out / "input.npy", x)
np.save(arguments.out / "labels.npy", labels)
np.save(arguments.out / "logits.npy", logits.astype(np.float32))
(arguments.out / "loss.txt").write_text(f"{loss!r}\n")
error = np.linalg.norm(single_logits - logits) / np.linalg.norm(logits)
print(f"{arguments.model}: loss {loss:.7g}; PyTorch's float32: logits {error:.1e}, loss {abs(single_loss / loss - 1):.1e}, "
      f"worst gradient {worst:.1e}; without effect: {', '.join(without_effect) or 'none'}")
