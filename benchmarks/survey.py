"""Measure the survey: its overhead, one worker beside two, memory, and a worker that is killed.

`python benchmarks/survey.py` does all with 1,200 pictures in some ten minutes; needs the extra
"survey". `python benchmarks/survey.py memory 20000` is one of `SECTIONS`, with so many pictures.
"""

import contextlib
import os
import re
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

NETWORK = "embedded"
TURNS = 3
PICTURES = 1200
SHARD = 50  # pictures, so that there are many shards to deal
_DIFFERENT = 400  # pictures; beyond that, links to them


def write_pictures(folder, count):
    """Write pictures of 300 x 200 pixels, blended of the installed photographs' parts."""
    generator = np.random.default_rng(0)
    crops = list(cu.sample_crops().values())
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        if number >= _DIFFERENT:
            os.link(folder / f"{number % _DIFFERENT:06}.jpg", path)
            continue
        first, second = generator.choice(len(crops), 2, replace=False)
        share = generator.uniform(0.5, 1)
        pixels = np.uint8(share * crops[first] + (1 - share) * np.rot90(crops[second]))
        Image.fromarray(pixels).resize((300, 200)).save(path, quality=90)
    return sorted(folder.iterdir())


def busy():
    """Return what else the machine does."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def timed(run):
    """Return the processor's and the clock's seconds that `run()` takes."""
    before, start = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - before, time.perf_counter() - start


def overhead(folder, paths):
    """Print what a picture costs: the forward pass alone, with the search, with the files."""
    classifier = cu.load_classifier(NETWORK)
    runner, pictures = runner_of(classifier), [cu.load_image(path) for path in paths]
    inputs = np.concatenate([classifier.preprocess(picture) for picture in pictures])
    numbered = [(i, inputs[i : i + 1]) for i in range(len(inputs))]
    names, size = runner.conv_layer_names, runner.batch_size

    def forward():
        for start in range(0, len(inputs), size):
            runner.logits(inputs[start : start + size])

    def as_keras_does():
        for start in range(0, len(inputs), size):
            runner.feature_maps(inputs[start : start + size], [names[-1]])

    calls = {
        "forward pass as Keras computes it": as_keras_does,
        "forward pass, normalization folded": forward,
        "search, 49 layers": lambda: survey.find_strongest(runner, names, numbered),
        "search, from files": lambda: cu.strongest_examples(classifier, paths),
    }
    seconds = {name: [] for name in calls}
    cu.strongest_examples(classifier, paths[:size])  # compiles
    for _ in range(TURNS):
        for name, call in calls.items():
            seconds[name].append(timed(call))
    forward_time = median(
        processor for processor, _ in seconds["forward pass, normalization folded"]
    )
    for name, pairs in seconds.items():
        processor, clock = (1e3 * median(s) / len(inputs) for s in zip(*pairs, strict=True))
        print(
            f"{name:36s} {processor:5.1f} ms of one core ({clock:5.1f} ms by the clock), "
            f"{processor * len(inputs) / 1e3 / forward_time:.2f} times the folded forward pass"
        )


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
    with tempfile.TemporaryDirectory() as scratch:
        processes = [subprocess.Popen([*dask, "scheduler", *options], cwd=scratch, **quiet)]
        time.sleep(3)
        processes += [subprocess.Popen(worker, cwd=scratch, **quiet) for _ in range(num_workers)]
        try:
            yield address, processes[1:]
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


def run(folder, output, address=None):
    return cu.run_survey(folder, output, NETWORK, scheduler=address)


def processor_seconds(process):
    """Return how long a process has computed so far (Linux)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def workers(folder, paths):
    """Print pictures per second of one worker and of two, in turns, once they are warm.

    By the clock, and by the processor time of the busier worker: what the clock would show on a
    machine that does nothing else.
    """
    rates = {1: [], 2: []}
    few = folder.parent / "few"
    write_pictures(few, 2 * SHARD)
    with cluster(1) as one, cluster(2) as two:
        for (address, processes), turn in zip([one, two] * 3, "aabbcc", strict=True):
            count = len(processes)
            if turn == "a":
                run(few, folder.parent / f"{count}{turn}", address)
                continue
            before, start = list(map(processor_seconds, processes)), time.perf_counter()
            run(folder, folder.parent / f"{count}{turn}", address)
            clock = time.perf_counter() - start
            after = map(processor_seconds, processes)
            computed = max(b - a for a, b in zip(before, after, strict=True))
            rates[count].append((len(paths) / clock, len(paths) / computed))
            print(
                f"{count} workers: {len(paths) / clock:.1f} pictures a second by the clock, "
                f"{len(paths) / computed:.1f} by the busier one's processor time; {busy()}",
                flush=True,
            )
    for unit, of_one, of_two in zip(
        ("the clock", "processor time"), *(zip(*rates[n], strict=True) for n in (1, 2)), strict=True
    ):
        print(f"two workers are {median(of_two) / median(of_one):.2f} times as fast, by {unit}")


def killed(folder, paths):
    """Print whether the tables are the same where one of two workers is killed in the middle."""
    with cluster(2) as (address, _):
        whole = run(folder, folder.parent / "whole", address)
    output = folder.parent / "killed"
    with cluster(2) as (address, processes):

        def kill():
            while len(list(output.glob("shards/*.npz"))) < len(paths) // SHARD // 3:
                time.sleep(0.05)
            processes[0].kill()
            done = len(list(output.glob("shards/*.npz")))
            print(f"one worker killed with {done} of {-(-len(paths) // SHARD)} shards done")

        killer = threading.Thread(target=kill)
        killer.start()
        after = run(folder, output, address)
        killer.join()
        assert processes[0].poll() is not None and processes[1].poll() is None
    same = [
        np.array_equal(a, b)
        for name in whole.examples
        for a, b in zip(whole.examples[name], after.examples[name], strict=True)
    ]
    print(f"{sum(same)} of {len(same)} arrays are equal to the last bit")


def memory(folder, paths):
    """Print the memory of a process that surveys the pictures in one thread, as it goes."""
    surveyed(folder, paths, None)


def memory_early(folder, paths):
    """The same for a few early layers, with which ten times as many pictures take no longer."""
    surveyed(folder, paths, runner_of(cu.load_classifier(NETWORK)).conv_layer_names[:3])


def surveyed(folder, paths, layer_names):
    output, watch = folder.parent / "memory", threading.Event()

    def resident():
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    def report():
        step, reported = max(len(paths) // SHARD // 10, 1), -1
        while not watch.wait(0.05):
            done = len(list(output.glob("shards/*.npz")))
            if done // step > reported:
                reported = done // step
                print(f"{done * SHARD:6d} pictures: {resident():.0f} MB; {busy()}", flush=True)

    import dask

    watcher = threading.Thread(target=report)
    watcher.start()
    with dask.config.set(num_workers=1):
        _, seconds = timed(lambda: cu.run_survey(folder, output, NETWORK, layer_names))
    watch.set()
    watcher.join()
    print(
        f"{len(paths)} pictures, {len(paths) / seconds:.1f} a second; {resident():.0f} MB at last"
    )


SECTIONS = {"overhead": overhead, "workers": workers, "killed": killed, "memory": memory}
SECTIONS["memory_early"] = memory_early


def main(sections, count):
    survey._PICTURES_A_SHARD = SHARD
    survey._MOST_SHARDS = count
    for name in sections:
        print(f"\n{name}, {count} pictures, {busy()}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "pictures")
            SECTIONS[name](folder, write_pictures(folder, count))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    chosen = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    main(chosen or list(SECTIONS), *(numbers or [PICTURES]))
