"""Measure the survey: what it adds to the forward pass, and a worker that is killed.

`python benchmarks/survey.py [SECTION ...] [PICTURES]`, with sections of `SECTIONS`; all of them
with 600 pictures take some four minutes. Needs the extra "survey" (a cluster on this computer).
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # as on a worker
import course_utils as cu  # noqa: E402
from course_utils.methods import survey  # noqa: E402
from course_utils.networks.classifier import runner_of  # noqa: E402

TURNS, PART = 3, 50


def write_pictures(folder, count):
    """Write pictures of 300 x 200 pixels, each blended of two parts of installed photographs."""
    generator = np.random.default_rng(0)
    crops = list(cu.sample_crops().values())
    folder.mkdir()
    for number in range(count):
        first, second = generator.choice(len(crops), 2, replace=False)
        pixels = np.uint8(0.7 * crops[first] + 0.3 * np.rot90(crops[second]))
        Image.fromarray(pixels).resize((300, 200)).save(folder / f"{number:06}.jpg")
    return sorted(folder.iterdir())


def overhead(folder, paths):
    """Print what a picture costs: the forward pass alone, and a survey from files."""
    classifier = cu.load_classifier("embedded")
    runner = runner_of(classifier)
    inputs = np.concatenate([classifier.preprocess(cu.load_image(path)) for path in paths])
    layers, size = runner.conv_layer_names, runner.batch_size
    numbered = [(i, inputs[i : i + 1]) for i in range(len(inputs))]
    calls = {
        "forward pass": lambda: [
            runner.logits(inputs[i : i + size]) for i in range(0, len(inputs), size)
        ],
        "search, 49 layers": lambda: survey.find_strongest(runner, layers, numbered),
        "search, from files": lambda: cu.strongest_examples(classifier, paths),
    }
    seconds = {name: [] for name in calls}
    cu.strongest_examples(classifier, paths[:size])  # compiles
    for _ in range(TURNS):
        for name, call in calls.items():
            before = time.process_time()
            call()
            seconds[name].append(time.process_time() - before)
    floor = median(seconds["forward pass"])
    for name, times in seconds.items():
        per_picture = 1e3 * median(times) / len(paths)
        print(
            f"{name:20s} {per_picture:5.1f} ms of one core a picture, {median(times) / floor:.2f}"
        )


def killed(folder, paths):
    """Print whether the tables are the same where one of two workers of a cluster is killed."""
    from distributed import Client

    whole = cu.run_survey(folder, folder.parent / "whole", "embedded")
    output = folder.parent / "killed"
    with cluster(2) as (address, workers), Client(address):

        def kill():
            while len(list(output.glob("parts-*/*/*.npz"))) < len(paths) // PART // 3:
                time.sleep(0.05)
            workers[0].kill()

        killer = threading.Thread(target=kill)
        killer.start()
        after = cu.run_survey(folder, output, "embedded")
        killer.join()
    same = [
        np.array_equal(a, b) if a.dtype.kind == "i" else np.allclose(a, b, rtol=1e-5)
        for name in whole.examples
        for a, b in zip(whole.examples[name], after.examples[name], strict=True)
    ]
    print(f"one of two workers killed: {sum(same)} of {len(same)} arrays are equal")


@contextlib.contextmanager
def cluster(num_workers):
    """Run `dask scheduler` and workers of one thread; yield (address, the workers' processes)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        processes = [subprocess.Popen([*dask, "scheduler", *options], cwd=scratch, **quiet)]
        stack.callback(lambda: [(process.kill(), process.wait()) for process in processes])
        time.sleep(3)
        processes += [subprocess.Popen(worker, cwd=scratch, **quiet) for _ in range(num_workers)]
        yield address, processes[1:]


SECTIONS = {"overhead": overhead, "killed": killed}

if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    chosen = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    survey._PART = PART
    for section in chosen or list(SECTIONS):
        print(f"\n{section}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            pictures = Path(scratch, "pictures")
            SECTIONS[section](pictures, write_pictures(pictures, *(numbers or [600])))
