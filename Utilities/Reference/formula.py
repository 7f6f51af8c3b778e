"""Weights and data as a formula of (key, index), bit-equal to Tests/FoveaFixtures/Formula.swift.

A number is a hash of the key (FNV-1a, 64 bits) and the index (the finalizer of SplitMix64), of which the upper 23 bits
b give v = (2 b + 1 - 2^23) / 2^23, exact in float32 and in (-1, 1). Every further step is one rounding of float32.
"""

import numpy as np

VERSION = 2

# The weights of a filter that are not zero, at most: enough that two filters never see the same, few enough that sums
# round little.
TAPS = 24

_MASK = (1 << 64) - 1


def _key_hash(key):
    value = 0xCBF29CE484222325
    for byte in key.encode():
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def hashes_at(key, indices):
    """64 bits for each of the indices."""
    with np.errstate(over="ignore"):
        z = np.uint64(_key_hash(key)) + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def hashes(key, count):
    """64 bits for each index below count."""
    return hashes_at(key, np.arange(count))


def values_at(key, indices):
    """float32 in (-1, 1), one for each of the indices."""
    b = (hashes_at(key, indices) >> np.uint64(41)).astype(np.int64)
    return (2 * b + 1 - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)


def values(key, count):
    """float32 in (-1, 1), one for each index below count."""
    return values_at(key, np.arange(count))


def parameter(key, shape):
    """The number at each place of the parameter or statistic `key`, scaled by what its name and rank say it is.

    The fan-in of each filter of a convolution or dense layer is cut into segments, at most about 24. One place of each,
    which a hash decides, has a number of variance 2 / segments; all others are 0. Scales of normalization lie in
    0.34 ... 0.41, biases in 0.90 ... 1.13 (seven of eight) or -1.13 ... -1.09, running variances in 0.18 ... 0.32,
    running means in -0.1 ... 0.1.

    Why: README.md, "What gradients can agree to".
    """
    name = key.rsplit(".", 1)[-1]
    if name == "weight" and len(shape) >= 2:
        return _weight(key, shape)
    v = values(key, int(np.prod(shape))).reshape(shape)
    if name == "weight":
        return np.float32(0.375) + v * np.float32(0.03125)
    if name == "bias":
        return np.where(v > -0.75, np.float32(1), np.float32(-1)) + v * np.float32(0.125)
    if name == "running_var":
        return np.float32(0.25) + v * np.float32(0.0625)
    return v * np.float32(0.1)


def _weight(key, shape):
    filters, fan_in = shape[0], int(np.prod(shape[1:]))
    length = max(1, fan_in // TAPS)
    segments = -(-fan_in // length)
    segment = np.arange(filters * segments)
    offset = (hashes(key + ":tap", filters * segments) >> np.uint64(33)) % np.uint64(length)
    place = segment % segments * length + offset.astype(np.int64)
    inside = place < fan_in
    index = (segment // segments * fan_in + place)[inside]
    result = np.zeros(filters * fan_in, np.float32)
    result[index] = values_at(key, index) * np.float32(np.sqrt(np.float64(6.0) / np.float64(segments)))
    return result.reshape(shape)


def data(shape, key="input"):
    """Inputs or targets of about unit variance."""
    return values(key, int(np.prod(shape))).reshape(shape) * np.float32(1.75)


def labels(count, classes, key="labels"):
    return ((hashes(key, count) >> np.uint64(33)) % np.uint64(classes)).astype(np.int64)


def samples(key, count, wanted=4):
    """The indices at which a fixture shows a tensor of count numbers."""
    return [int(h % np.uint64(count)) for h in hashes("sample:" + key, wanted)]
