"""Times predictions of an ONNX file by ONNX Runtime or OpenVINO. Called by compare.py in a process of its own."""

import argparse

import numpy

import timing


def onnxruntime_step(path, threads, precision):
    import onnxruntime

    if precision != "f32":
        raise SystemExit("ONNX Runtime's CPU provider has no bf16 convolutions")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(1).uniform(-1, 1, session.get_inputs()[0].shape).astype(numpy.float32)
    return images, lambda: session.run(None, {"input": images})


def openvino_step(path, threads, precision):
    import openvino

    model = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision,
    })
    images = numpy.random.default_rng(1).uniform(-1, 1, list(model.inputs[0].shape)).astype(numpy.float32)
    request = model.create_infer_request()
    return images, lambda: request.infer([images], share_inputs=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--runtime", choices=["onnxruntime", "openvino"], required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    make = {"onnxruntime": onnxruntime_step, "openvino": openvino_step}[arguments.runtime]
    images, step = make(arguments.file, arguments.threads, arguments.precision)
    timing.report(step, len(images), arguments.seconds)


if __name__ == "__main__":
    main()
