"""Weights and data as a formula of (key, index), bit-equal to Tests/FoveaFixtures/Formula.swift.

A number is a hash of the key (FNV-1a, 64 bits) and the index (the finalizer of SplitMix64), of which the upper 23 bits
b give v = (2 b + 1 - 2^23) / 2^23, exact in float32 and in (-1, 1). Every further step is one rounding of float32.
"""

import numpy as np

VERSION = 1

_MASK = (1 << 64) - 1


def _key_hash(key):
    value = 0xCBF29CE484222325
    for byte in key.encode():
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def hashes(key, count):
    """64 bits for each index below count."""
    with np.errstate(over="ignore"):
        z = np.uint64(_key_hash(key)) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def values(key, count):
    """float32 in (-1, 1), one for each index below count."""
    b = (hashes(key, count) >> np.uint64(41)).astype(np.int64)
    return (2 * b + 1 - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)


def parameter(key, shape):
    """The number at each place of the parameter or statistic `key`, scaled by what its name and rank say it is.

    Weights of convolutions and dense layers have variance 2 / fan in; scales of normalization lie in 0.75 ... 1.25,
    running variances in 1 ... 3, and all else in -0.1 ... 0.1.
    """
    v = values(key, int(np.prod(shape))).reshape(shape)
    name = key.rsplit(".", 1)[-1]
    if name == "weight" and len(shape) >= 2:
        fan_in = int(np.prod(shape[1:]))
        return v * np.float32(np.sqrt(np.float64(6.0) / np.float64(fan_in)))
    if name == "weight":
        return np.float32(1) + v * np.float32(0.25)
    if name == "running_var":
        return np.float32(2) + v
    return v * np.float32(0.1)


def data(shape, key="input"):
    """Inputs or targets of about unit variance."""
    return values(key, int(np.prod(shape))).reshape(shape) * np.float32(1.75)


def labels(count, classes, key="labels"):
    return ((hashes(key, count) >> np.uint64(33)) % np.uint64(classes)).astype(np.int64)


def samples(key, count, wanted=4):
    """The indices at which a fixture shows a tensor of count numbers."""
    return [int(h % np.uint64(count)) for h in hashes("sample:" + key, wanted)]
