"""Times whole steps as `fovea bench` does, and prints one line of JSON."""

import json
import statistics
import time


def peak_bytes():
    """The most memory that this process has held: VmHWM, since getrusage also counts what ran in it before."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def report(step, batch, seconds, **more):
    """Warms up with up to three steps, makes at least three more and as many as fit `seconds`, and prints the median."""
    count, begin = 0, time.perf_counter()
    while True:
        step()
        count += 1
        passed = time.perf_counter() - begin
        if not (count < 3 and passed < 2 or passed < 0.3):
            break
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    print(json.dumps({
        "samplesPerSecond": batch / median, "secondsPerStep": median, "steps": len(times), "peakBytes": peak_bytes(),
        **more,
    }))
