"""Times whole steps of one network in PyTorch, with the data in memory, or exports the network to ONNX.

Called by compare.py in a process of its own, so that memory and threads of one measurement do not touch another. The
networks are those that Fovea's are tested against (`Utilities/Reference/reference_torch.py`), with their dropout.
"""

import argparse
import contextlib
import os
import sys
import warnings

import torch

import timing

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Utilities", "Reference"))
import reference_torch  # noqa: E402

# The reference asks for determinism, which costs time and fills new memory with numbers.
torch.use_deterministic_algorithms(False)


def optimizer(name, model):
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    return torch.optim.Adam(model.parameters(), lr=0.001, fused=name == "adam-fused")


def export(model, images, path):
    """Writes `model` for prediction; by the older of PyTorch's exporters, which needs nothing but PyTorch."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        torch.onnx.export(
            model.eval(), (images,), path, dynamo=False, opset_version=17, input_names=["input"], output_names=["output"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--optimizer", choices=["sgd", "adam", "adam-fused"], default="sgd")
    parser.add_argument("--format", choices=["contiguous", "channels_last"], default="contiguous")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--export", metavar="FILE", help="write the network as ONNX and time nothing")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(arguments.threads)
    model = reference_torch.network(arguments.model, keeps_dropout=True)
    shape, classes = reference_torch.input_of(arguments.model)
    images = torch.rand(arguments.batch, *shape) * 2 - 1
    labels = torch.randint(0, classes, (arguments.batch,))
    if arguments.export:
        return export(model, images, arguments.export)
    if arguments.format == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    model.train(arguments.mode == "train")
    forward = torch.compile(model) if arguments.compile else model
    precision = torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.precision == "bf16")

    if arguments.mode == "train":
        update = optimizer(arguments.optimizer, model)

        def step():
            update.zero_grad(set_to_none=True)
            with precision:
                loss = reference_torch.training_loss(forward(images), labels)
            loss.backward()
            update.step()
            return loss.item()
    else:
        def step():
            with torch.inference_mode(), precision:
                return forward(images)

    timing.report(step, arguments.batch, arguments.seconds)


if __name__ == "__main__":
    main()
