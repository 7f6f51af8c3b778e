"""PyTorch set up to be compared with, and the networks that stand for the zoo's."""

import torch
import torch.nn as nn
from torch.library import Library

# torchvision registers a kernel for operations that the CPU wheel of torch does not define.
_library = Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(_name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck  # noqa: E402

import formula  # noqa: E402

torch.backends.mkldnn.enabled = True
torch.use_deterministic_algorithms(True)


class LeNet(nn.Module):
    def __init__(self, relu=False):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
        self.act = torch.relu if relu else torch.tanh
        self.pool = nn.MaxPool2d(2) if relu else nn.AvgPool2d(2)

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x))).flatten(1)
        return self.fc3(self.act(self.fc2(self.act(self.fc1(x)))))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 512), nn.Linear(512, 512), nn.Linear(512, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class TinyResNet(nn.Module):
    """torchvision's blocks, one in each of four stages of 8 to 64 filters, with a small stem."""

    def __init__(self, block):
        super().__init__()
        widths, channels = [8, 16, 32, 64], 8
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        for stage, width in enumerate(widths):
            stride = 1 if stage == 0 else 2
            outputs = width * block.expansion
            downsample = None
            if stride != 1 or channels != outputs:
                downsample = nn.Sequential(nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            setattr(self, f"layer{stage + 1}", nn.Sequential(block(channels, width, stride, downsample)))
            channels = outputs
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


def network(name):
    if name == "lenet5":
        return LeNet()
    if name == "lenet5_relu":
        return LeNet(relu=True)
    if name == "mlp":
        return MLP()
    if name == "resnet_tiny":
        return TinyResNet(BasicBlock)
    if name == "resnet_tiny_bottleneck":
        return TinyResNet(Bottleneck)
    return getattr(torchvision.models, name)(weights=None)


def fill(module):
    """Sets every parameter and statistic to the formula."""
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(formula.parameter(key, tuple(tensor.shape))))
    return module
