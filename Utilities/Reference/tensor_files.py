"""safetensors, written and read with numpy alone."""

import json

import numpy as np

_TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8}
_NAMES = {np.dtype(v): k for k, v in _TYPES.items()}


def save(path, tensors):
    header, start, blobs = {}, 0, []
    for key, array in tensors.items():
        blob = np.ascontiguousarray(array).tobytes()
        header[key] = {
            "dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [start, start + len(blob)]}
        start += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for blob in blobs:
            file.write(blob)


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for key, entry in json.loads(content[8:start]).items():
        if key == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        tensors[key] = np.frombuffer(content[start + first:start + last], _TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
