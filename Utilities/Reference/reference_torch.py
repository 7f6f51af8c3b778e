"""PyTorch set up to be compared with, and the networks that stand for the zoo's."""

import functools
import importlib.util
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.library import Library

# torchvision registers a kernel for operations that its wheel for another build of torch than the one here cannot define.
try:
    _folder = importlib.util.find_spec("torchvision").submodule_search_locations[0]
    torch.ops.load_library(os.path.join(_folder, "_C.so"))
except OSError:
    _library = Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _library.define(_name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm  # noqa: E402
import torchvision  # noqa: E402
from torchvision.models.googlenet import Inception, InceptionAux  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck  # noqa: E402
from torchvision.models.vgg import make_layers  # noqa: E402

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
    """Blocks of torchvision or timm, one in each of four stages of 8 to 64 filters, with a small stem."""

    def __init__(self, block, **arguments):
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
            setattr(self, f"layer{stage + 1}", nn.Sequential(block(channels, width, stride, downsample, **arguments)))
            channels = outputs
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


class PlainBlock(BasicBlock):
    """Two convolutions and nothing around them."""

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class ZeroPadded(nn.Module):
    """Every other pixel, with as many channels of zeros more (option A)."""

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))


class ResNetCIFAR(nn.Module):
    """He et al. 2015, section 4.2: three stages of `depth` blocks with 16, 32 and 64 filters."""

    def __init__(self, depth, block=BasicBlock, projects=False):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate((16, 32, 64), start=1):
            blocks = []
            for position in range(depth):
                stride, downsample = 1, None
                if width != channels:
                    stride, downsample = 2, ZeroPadded()
                    if projects:
                        downsample = nn.Sequential(nn.Conv2d(channels, width, 1, 2, bias=False), nn.BatchNorm2d(width))
                blocks.append(block(channels, width, stride, downsample))
                channels = width
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class AlexNetAsPublished(nn.Module):
    """Krizhevsky et al. 2012, figure 2, with the two columns as groups."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 96, 11, 4), nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3, self.conv4 = nn.Conv2d(256, 384, 3, padding=1), nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)
        # PyTorch divides alpha by the number of channels.
        self.norm, self.pool = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2), nn.MaxPool2d(3, 2)

    def forward(self, x):
        x = self.pool(self.norm(F.relu(self.conv1(x))))
        x = self.pool(self.norm(F.relu(self.conv2(x))))
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        x = self.pool(F.relu(self.conv5(x))).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class _Unit(nn.Module):
    """A convolution with a bias, and ReLU: what the published Inception blocks are made of."""

    def __init__(self, inputs, outputs, **arguments):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, **arguments)

    def forward(self, x):
        return F.relu(self.conv(x))


class _PublishedHead(InceptionAux):
    def forward(self, x):
        x = self.conv(F.avg_pool2d(x, 5, 3)).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


def inception_v1(heads=False):
    """torchvision's GoogLeNet with the parts of Szegedy et al. 2015, table 1 and figure 3."""
    blocks = [_Unit, functools.partial(Inception, conv_block=_Unit), functools.partial(_PublishedHead, conv_block=_Unit)]
    module = torchvision.models.GoogLeNet(aux_logits=heads, init_weights=False, blocks=blocks)
    for block in module.modules():
        if isinstance(block, Inception):
            old = block.branch3[1].conv
            block.branch3[1] = _Unit(old.in_channels, old.out_channels, kernel_size=5, padding=2)
    # PyTorch divides alpha by the number of channels.
    norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
    module.maxpool1 = nn.Sequential(module.maxpool1, norm)
    module.maxpool2 = nn.Sequential(norm, module.maxpool2)
    module.maxpool4 = nn.MaxPool2d(3, 2, ceil_mode=True)
    return module


def googlenet():
    return torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True)


def stride_first(module):
    """A ResNet of bottlenecks with the stride in their first convolution."""
    for block in module.modules():
        if isinstance(block, (Bottleneck, timm.models.resnet.Bottleneck)):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return module


def narrow(module, divisor, classes=10):
    """Divides the channels of every layer but the image's and the classes, in place."""
    def parameter(*shape):
        return nn.Parameter(torch.empty(*shape))

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            depthwise = layer.groups > 1 and layer.groups == layer.in_channels
            layer.in_channels //= 1 if layer.in_channels == 3 else divisor
            layer.out_channels //= divisor
            layer.groups = layer.in_channels if depthwise else layer.groups
            layer.weight = parameter(layer.out_channels, layer.in_channels // layer.groups, *layer.kernel_size)
            layer.bias = None if layer.bias is None else parameter(layer.out_channels)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.num_features //= divisor
            layer.weight, layer.bias = parameter(layer.num_features), parameter(layer.num_features)
            layer.running_mean, layer.running_var = torch.zeros(layer.num_features), torch.ones(layer.num_features)
        elif isinstance(layer, nn.Linear):
            layer.in_features //= divisor
            layer.out_features = classes if layer.out_features == 1000 else layer.out_features // divisor
            layer.weight, layer.bias = parameter(layer.out_features, layer.in_features), parameter(layer.out_features)
    return module


def narrow_inception_v1():
    module = narrow(inception_v1(heads=True), 8)
    for head in (module.aux1, module.aux2):
        head.fc1 = nn.Linear(16, 128)  # the maps are 1x1 for images of 80x80, not 4x4
    return module


def narrow_inception_resnet():
    module = timm.create_model("inception_resnet_v2")
    for name in ("repeat", "repeat_1", "repeat_2"):
        setattr(module, name, getattr(module, name)[:1])
    return narrow(module, 8)


def add_gates(module):
    """A squeeze-and-excitation gate on every Inception block, on the residual function where there is a shortcut."""
    blocks = [module.mixed_5b, *module.repeat, module.mixed_6a, *module.repeat_1, module.mixed_7a, *module.repeat_2,
              module.block8]
    with torch.no_grad():
        for block in blocks:
            gated = block.conv2d if hasattr(block, "conv2d") else block
            if gated is block:
                channels = sum(branch_channels(branch, block) for name, branch in block.named_children())
            else:
                channels = block.conv2d.out_channels
            block.se = timm.layers.SEModule(channels, rd_channels=channels // 16)
            gated.register_forward_hook(lambda _, inputs, output, gate=block.se: gate(output))
    return module


def branch_channels(branch, block):
    """The channels that a branch of an Inception block gives; a pooling those of its input."""
    convolutions = [layer for layer in branch.modules() if isinstance(layer, nn.Conv2d)]
    if convolutions:
        return convolutions[-1].out_channels
    return next(layer for layer in block.modules() if isinstance(layer, nn.Conv2d)).in_channels


def vgg_tiny(normalized):
    plan = [64, "M", 128, "M", 256, "M", 512, "M", 512, "M"]
    return narrow(torchvision.models.VGG(make_layers(plan, normalized), init_weights=False), 16)


def alexnet_lrn_tiny():
    module = narrow(AlexNetAsPublished(), 16)
    module.fc6 = nn.Linear(16, 256)  # the maps are 1x1 for images of 67x67, not 6x6
    return module


# Those that are not torchvision's of the same name.
NETWORKS = {
    "lenet5": LeNet,
    "lenet5_relu": lambda: LeNet(relu=True),
    "mlp": MLP,
    "alexnet_lrn": AlexNetAsPublished,
    "alexnet_tiny": lambda: narrow(torchvision.models.AlexNet(), 16),
    "alexnet_lrn_tiny": alexnet_lrn_tiny,
    "vgg_tiny": lambda: vgg_tiny(False),
    "vgg_bn_tiny": lambda: vgg_tiny(True),
    "googlenet": googlenet,
    "googlenet_tiny": lambda: narrow(googlenet(), 8),
    "inception_v1": inception_v1,
    "inception_v1_aux": lambda: inception_v1(heads=True),
    "inception_v1_aux_tiny": narrow_inception_v1,
    "resnet50_v1": lambda: stride_first(torchvision.models.resnet50(weights=None)),
    "resnet20": lambda: ResNetCIFAR(3),
    "resnet20_b": lambda: ResNetCIFAR(3, projects=True),
    "resnet56": lambda: ResNetCIFAR(9),
    "plain20": lambda: ResNetCIFAR(3, PlainBlock),
    "plain56": lambda: ResNetCIFAR(9, PlainBlock),
    "resnet_tiny": lambda: TinyResNet(BasicBlock),
    "resnet_tiny_bottleneck": lambda: TinyResNet(Bottleneck),
    "resnext_tiny": lambda: TinyResNet(Bottleneck, groups=4, base_width=32),
    "densenet_tiny": lambda: torchvision.models.DenseNet(8, (2, 3, 2), 8, bn_size=2, num_classes=10),
    "xception": lambda: timm.create_model("legacy_xception"),
    "xception_tiny": lambda: narrow(timm.create_model("legacy_xception"), 8),
    "inception_resnet_v2": lambda: timm.create_model("inception_resnet_v2"),
    "inception_resnet_tiny": narrow_inception_resnet,
    "seresnet50": lambda: timm.create_model("seresnet50"),
    "seresnet50_v1": lambda: stride_first(timm.create_model("seresnet50")),
    "seresnext50_32x4d": lambda: timm.create_model("seresnext50_32x4d"),
    "seresnet_tiny": lambda: TinyResNet(
        timm.models.resnet.Bottleneck,
        attn_layer=functools.partial(timm.layers.SEModule, rd_ratio=1 / 4, rd_divisor=1)),
    "se_inception_resnet_v2": lambda: add_gates(timm.create_model("inception_resnet_v2")),
    "se_inception_resnet_tiny": lambda: add_gates(narrow_inception_resnet()),
}

# The input and the number of classes of each network that the zoo makes for other than 3x224x224 and 1000.
INPUTS = {
    "lenet5": ((1, 28, 28), 10), "lenet5_relu": ((1, 28, 28), 10), "mlp": ((1, 28, 28), 10),
    "alexnet_lrn": ((3, 227, 227), 1000), "alexnet_tiny": ((3, 63, 63), 10), "alexnet_lrn_tiny": ((3, 67, 67), 10),
    "vgg_tiny": ((3, 64, 64), 10), "vgg_bn_tiny": ((3, 64, 64), 10),
    "googlenet_tiny": ((3, 80, 80), 10), "inception_v1_aux_tiny": ((3, 80, 80), 10),
    "resnet20": ((3, 32, 32), 10), "resnet20_b": ((3, 32, 32), 10), "resnet56": ((3, 32, 32), 10),
    "plain20": ((3, 32, 32), 10), "plain56": ((3, 32, 32), 10),
    "resnet_tiny": ((3, 32, 32), 10), "resnet_tiny_bottleneck": ((3, 32, 32), 10), "resnext_tiny": ((3, 32, 32), 10),
    "densenet_tiny": ((3, 64, 64), 10), "seresnet_tiny": ((3, 32, 32), 10),
    "xception": ((3, 299, 299), 1000), "xception_tiny": ((3, 71, 71), 10),
    "inception_resnet_v2": ((3, 299, 299), 1000), "se_inception_resnet_v2": ((3, 299, 299), 1000),
    "inception_resnet_tiny": ((3, 107, 107), 10), "se_inception_resnet_tiny": ((3, 107, 107), 10),
}


def input_of(name):
    """The shape of a sample and the number of classes."""
    return INPUTS.get(name, ((3, 224, 224), 1000))


# The key of the formula that gives the input, where it is not "input": so chosen by conditioning.py that rounding turns
# no ReLU on or off and changes no choice of a max pooling.
DATA_KEYS = {
    "densenet121": "input.2", "googlenet": "input.10", "inception_v1": "input.12", "inception_v1_aux": "input.0",
    "resnet50": "input.0", "resnet56": "input.3", "resnext50_32x4d": "input.0",
    "seresnet50": "input.5",
}


def data_key(name):
    return DATA_KEYS.get(name, "input")


def network(name, keeps_dropout=False):
    """The reference of the network that the zoo calls `name`, without dropout unless it is wanted."""
    module = NETWORKS[name]() if name in NETWORKS else getattr(torchvision.models, name)(weights=None)
    for layer in module.modules():
        if isinstance(layer, nn.Dropout) and not keeps_dropout:
            layer.p = 0.0
    return module


def training_loss(output, labels):
    """The mean cross-entropy, with that of auxiliary heads at weight 0.3."""
    if not isinstance(output, tuple):
        return F.cross_entropy(output, labels)
    return F.cross_entropy(output[0], labels) + 0.3 * sum(F.cross_entropy(head, labels) for head in output[1:])


def fill(module):
    """Sets every parameter and statistic to the formula."""
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(formula.parameter(key, tuple(tensor.shape))))
    return module
