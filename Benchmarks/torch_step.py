"""Times whole steps of one network in PyTorch, with the data in memory, and prints one line of JSON.

Called by compare.py in a process of its own, so that memory and threads of one measurement do not touch another.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn

# The CPU wheel has no operators for torchvision to find; these two are declared at its import.
_library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def lenet5(activation, pool):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), activation(), pool(2),
        nn.Conv2d(6, 16, 5), activation(), pool(2), nn.Flatten(),
        nn.Linear(400, 120), activation(), nn.Linear(120, 84), activation(), nn.Linear(84, 10))


def network(name):
    if name == "lenet5":
        return lenet5(nn.Tanh, nn.AvgPool2d), (1, 28, 28), 10
    if name == "lenet5_relu":
        return lenet5(nn.ReLU, nn.MaxPool2d), (1, 28, 28), 10
    if name == "mlp":
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        return model, (1, 28, 28), 10
    import torchvision

    return getattr(torchvision.models, name)(), (3, 224, 224), 1000


def optimizer(name, model):
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    return torch.optim.Adam(model.parameters(), lr=0.001, fused=name == "adam-fused")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--optimizer", choices=["sgd", "adam", "adam-fused"], default="sgd")
    parser.add_argument("--format", choices=["contiguous", "channels_last"], default="contiguous")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(arguments.threads)
    model, shape, classes = network(arguments.model)
    images = torch.randn(arguments.batch, *shape)
    labels = torch.randint(0, classes, (arguments.batch,))
    if arguments.format == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)

    if arguments.mode == "train":
        model.train()
        update = optimizer(arguments.optimizer, model)
        criterion = nn.CrossEntropyLoss()

        def step():
            update.zero_grad(set_to_none=True)
            loss = criterion(model(images), labels)
            loss.backward()
            update.step()
            return loss.item()
    else:
        model.eval()

        def step():
            with torch.inference_mode():
                return model(images)

    for _ in range(2):
        step()
    times = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < arguments.seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    print(json.dumps({
        "samplesPerSecond": arguments.batch / seconds,
        "secondsPerStep": seconds,
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
