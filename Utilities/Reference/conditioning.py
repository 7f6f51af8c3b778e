"""How far PyTorch's own float32 gradients of a network are from its float64 ones.

    python conditioning.py NAME... [--search COUNT] [--limit 2e-4]

Computes each network in training as make_fixtures.py does: in float64, and in float32 three times (contiguous, without
oneDNN, channels last), which differ only in the order of sums. A rounding error that turns a ReLU on or off, or changes the
choice of a max pooling, changes every gradient before it by far more than rounding; what is printed is therefore the least
that any float32 implementation can be expected to agree to on these numbers.

With --search, inputs are tried until the first two are below the limit (sums over channels-last data round more): the key printed last belongs in DATA_KEYS of
reference_torch.py. A gradient that is zero in exact arithmetic (of a bias before a normalization) is compared with the
largest gradient.
"""

import argparse
import statistics

import torch

import formula
from make_fixtures import NETWORKS
from reference_torch import data_key, fill, input_of, network, training_loss


def gradients(module, x, labels):
    module.zero_grad()
    training_loss(module.train()(x), labels).backward()
    return {key: parameter.grad.double().contiguous().clone() for key, parameter in module.named_parameters()}


def errors(found, expected):
    largest = max(gradient.norm().item() for gradient in expected.values())
    result = {}
    for key, gradient in expected.items():
        scale = gradient.norm().item()
        result[key] = (found[key] - gradient).norm().item() / (scale if scale > 1e-10 * largest else largest)
    return result


VARIANTS = ("contiguous", "without oneDNN", "channels last")


class Case:
    def __init__(self, name, batch=2):
        self.shape, self.classes = input_of(name)
        self.batch = batch
        self.labels = torch.from_numpy(formula.labels(batch, self.classes))
        self.double, self.single = fill(network(name)).double(), fill(network(name))

    def run(self, key, variants):
        x = torch.from_numpy(formula.data((self.batch, *self.shape), key))
        expected = gradients(self.double, x.double(), self.labels)
        for variant in variants:
            layout = torch.channels_last if variant == "channels last" else torch.contiguous_format
            with torch.backends.mkldnn.flags(enabled=variant != "without oneDNN"):
                self.single.to(memory_format=layout)
                found = gradients(self.single, x.to(memory_format=layout), self.labels)
            yield variant, errors(found, expected)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("names", nargs="+")
parser.add_argument("--search", type=int, default=1)
parser.add_argument("--first", type=int, default=0)
parser.add_argument("--limit", type=float, default=2e-4)
arguments = parser.parse_args()
for name in arguments.names:
    case = Case(name, NETWORKS[name][0] if name in NETWORKS else 2)
    for number in range(arguments.first, arguments.first + arguments.search):
        key = data_key(name) if arguments.search == 1 else f"input.{number}"
        worst = 0
        for variant, found in case.run(key, VARIANTS[:2] if arguments.search > 1 else VARIANTS):
            place = max(found, key=found.get)
            print(f"{name}, {key}, {variant}: median {statistics.median(found.values()):.1e}, "
                  f"largest {found[place]:.1e} ({place})", flush=True)
            worst = max(worst, found[place])
            if worst > arguments.limit and arguments.search > 1:
                break
        if worst <= arguments.limit:
            break
