"""A chapter's source, notebooks/NAME.py, goes in; notebooks/NAME.ipynb, executed, comes out.

    python tools/build_notebooks.py build [NAME ...]    all chapters, or those named
    python tools/build_notebooks.py check               one line for each thing that is wrong

A build is written whole or not at all, and a second build gives the same bytes. `check` compares
contents, never timestamps: git sets those as it likes.
"""

import base64
import hashlib
import io
import os
import re
import sys
import textwrap
from itertools import zip_longest
from pathlib import Path

import jupytext
import nbformat
import numpy as np
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
MAX_BYTES = 2_000_000
CHART_COLORS = 6000  # a picture with more is a photograph, or has one in it
CELL_SECONDS = 600

# All the metadata a chapter has. In particular no Jupytext pairing, which decides by timestamps
# and would refuse to open a fresh clone's chapters.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# What the stored outputs are made with: the embedded model, no network, no log of TensorFlow.
KERNEL_ENVIRONMENT = {
    "COURSE_MODEL": "embedded",
    "COURSE_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

_UNWANTED_TEXT = {
    "a warning": re.compile(r"Warning|WARNING"),
    "a traceback": re.compile(r"Traceback \(most recent call last\)"),
    "a memory address": re.compile(r"\bat 0x[0-9a-fA-F]{4,}"),
    "an absolute path": re.compile(
        r"(?<![\w.~-])/(?:home|root|Users|tmp|var|opt|usr)/|\b[A-Z]:\\\\?Users\b|site-packages|"
        + re.escape(str(ROOT))
    ),
}
_EMBEDDED_IMAGE = re.compile(r"data:image/[^\"')\s]*")


class BuildError(Exception):
    """A chapter cannot be built; the message is for the author."""


def read_source(path):
    """Read a percent-format .py file as a notebook: stable cell ids, no outputs, our metadata."""
    source = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook = nbformat.v4.new_notebook(cells=source.cells, metadata=nbformat.from_dict(METADATA))
    notebook.nbformat_minor = 5
    for cell in notebook.cells:  # blank lines between the cells of a .py file mean nothing
        cell.source = cell.source.strip("\n")
        cell.metadata.pop("lines_to_next_cell", None)
    for cell, cell_id in zip(notebook.cells, cell_ids(notebook.cells), strict=True):
        cell.id = cell_id
    return notebook


def cell_ids(cells):
    """Derive each cell's id from its contents, so that an edit changes no other cell's id."""
    ids = []
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        repeats = sum(used.partition("-")[0] == digest for used in ids)
        ids.append(f"{digest}-{repeats + 1}" if repeats else digest)
    return ids


def execute(notebook, folder):
    """Run all cells in `folder`, in this Python; raises BuildError naming the failing cell."""
    # No kernel directories: a kernel that the user registered as "python3" must not take over.
    kernels = KernelSpecManager(kernel_dirs=[])
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels),
        resources={"metadata": {"path": str(folder)}},
        timeout=CELL_SECONDS,
        startup_timeout=120,
        record_timing=False,
        store_widget_state=False,
    )
    environment = {**os.environ, **KERNEL_ENVIRONMENT}
    environment.pop("MPLBACKEND", None)  # the kernel chooses inline figures, unless this is set
    try:
        client.execute(env=environment, cleanup_kc=True)
    except CellExecutionError as error:
        raise BuildError(re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise BuildError(str(error)) from error
    notebook.metadata = nbformat.from_dict(METADATA)  # the client adds this Python's version
    for _, cell in code_cells(notebook):
        cell.outputs = merge_streams(cell.outputs)


def merge_streams(outputs):
    """Join neighboring pieces of one stream: where the kernel cuts a stream varies."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if "stream" == output.output_type == last.get("output_type") and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def code_cells(notebook):
    """Return [(number from 1, code cell)]."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return list(enumerate(cells, start=1))


def output_text(output):
    """Return all that a reader of this output sees as text."""
    if output.output_type == "stream":
        return output.text
    texts = [value for mime, value in output.data.items() if not mime.startswith("image/")]
    return _EMBEDDED_IMAGE.sub("", "\n".join(map(str, texts)))


def output_problems(notebook):
    """Yield what must not stand in stored outputs, each with the number of its code cell."""
    for number, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {number} ends in {output.ename}: {output.evalue}"
                continue
            text = output_text(output)
            if output.get("name") == "stderr":
                yield f"cell {number} writes to stderr: {excerpt(text)}"
            for what, pattern in _UNWANTED_TEXT.items():
                if line := next(filter(pattern.search, text.splitlines()), None):
                    yield f"cell {number} prints {what}: {excerpt(line)}"


def excerpt(text):
    """Shorten a text to one line for a message."""
    return textwrap.shorten(text, 120, placeholder="...")


def drop_widget_views(notebook):
    """Drop the reference to a live widget where a still picture stands beside it.

    Without its kernel the widget is dead, and the picture would stay hidden behind it.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop("application/vnd.jupyter.widget-view+json", None)


def compress_pictures(notebook):
    """Store photographs as JPEG, which takes a fifth of PNG's bytes; all else as a small PNG.

    A grid of feature maps must keep its cells sharp, which JPEG would not. Opening a chapter and
    running it still shows every picture as PNG.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).pop("image/png", None):
                kind, contents = compress(base64.b64decode(png))
                output.data[f"image/{kind}"] = base64.b64encode(contents).decode()


def compress(png):
    """Return ("png" or "jpeg", bytes) of a PNG file."""
    picture = Image.open(io.BytesIO(png))
    buffer = io.BytesIO()
    if picture.mode == "RGBA" and picture.getextrema()[3][0] == 0:
        picture.quantize(256, Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
        return "png", buffer.getvalue()
    picture = picture.convert("RGB")
    if picture.getcolors(CHART_COLORS) is None:
        picture.save(buffer, "JPEG", quality=65, optimize=True)
        return "jpeg", buffer.getvalue()
    to_palette = Image.Quantize.MAXCOVERAGE, 0, None, Image.Dither.NONE  # keeps rare colors
    picture = with_palette(picture) or picture.quantize(256, *to_palette)
    picture.save(buffer, "PNG", optimize=True)
    return "png", buffer.getvalue()


def with_palette(picture):
    """Return a picture in a palette of 256 colors; None if it has too many for that.

    Only the grays of the letters' edges, of which there are many, may differ: by 8 of 256.
    """
    pixels = np.asarray(picture).reshape(-1, 3)
    colors, indices, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    is_gray = np.ptp(colors, axis=1) == 0
    palette = colors[np.lexsort((-counts, is_gray))[:256]].astype(int)
    distances = np.abs(colors[:, np.newaxis] - palette).max(axis=2)
    if distances.min(axis=1).max() > 8:
        return None
    nearest = distances.argmin(axis=1).astype(np.uint8)[indices.ravel()]
    image = Image.fromarray(nearest.reshape(picture.height, picture.width))
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image


def pictures(cell):
    """Return [(output, its MIME type)] of the pictures of a cell."""
    outputs = cell.get("outputs", [])
    mimes = ("image/png", "image/jpeg")
    return [(o, mime) for o in outputs for mime in mimes if mime in o.get("data", {})]


def caption_of(cell):
    """Return the caption that a Markdown cell begins with, *in italics*, as plain text, or None."""
    first = cell.source.partition("\n\n")[0].replace("\n", " ")
    match = re.fullmatch(r"\*([^*].*[^*])\*", first)
    return match and re.sub(r"[*`]|\$|\[([^]]*)\]\([^)]*\)", r"\1", match[1])


def write_alternative_texts(notebook):
    """Give each picture its caption as alternative text, where nbconvert and GitHub look for it.

    A caption stands in the next Markdown cell, below the last code cell before it.

    Raises:
        BuildError: A picture has no caption.
    """
    waiting = []
    for cell in [*notebook.cells, None]:
        if cell and cell.cell_type == "code":
            waiting.append(cell)
            continue
        for above in filter(pictures, waiting):
            caption = cell and above is waiting[-1] and caption_of(cell)
            if not caption:
                number = next(n for n, one in code_cells(notebook) if one is above)
                raise BuildError(
                    f"the picture of cell {number} has no caption: begin the next "
                    "Markdown cell with a sentence or two *in italics*"
                )
            for output, mime in pictures(above):
                output.metadata[mime] = {**output.metadata.get(mime, {}), "alt": caption}
        waiting = []


def serialize(notebook):
    """Return the bytes of the .ipynb file."""
    nbformat.validate(notebook)
    return (nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n").encode()


def build(source_path):
    """Build one chapter; returns True if its .ipynb changed, raises BuildError and writes nothing.

    A chapter that runs but prints what must not be stored, or is too large, is refused as well.
    """
    notebook = read_source(source_path)
    execute(notebook, source_path.parent)
    drop_widget_views(notebook)
    compress_pictures(notebook)
    write_alternative_texts(notebook)
    contents = serialize(notebook)
    if problems := [*output_problems(notebook), *size_problems(len(contents))]:
        raise BuildError("\n".join(problems))
    target = source_path.with_suffix(".ipynb")
    if target.exists() and target.read_bytes() == contents:
        return False
    part = target.with_suffix(".ipynb.part")
    part.write_bytes(contents)
    os.replace(part, target)
    return True


def size_problems(num_bytes):
    """Yield the complaint about a chapter that is too large."""
    if num_bytes > MAX_BYTES:
        yield f"{num_bytes:,} bytes, more than {MAX_BYTES:,}: show fewer or smaller pictures"


def stale_problems(source, notebook):
    """Yield which is the first cell (text or code) that differs from the .py file's."""
    ours, stored = (
        [(cell.cell_type, cell.source, dict(cell.metadata)) for cell in one.cells]
        for one in (source, notebook)
    )
    for number, (a, b) in enumerate(zip_longest(ours, stored), start=1):
        if a != b:
            yield f"stale: cell {number} of the .ipynb is not the .py file's"
            return


def execution_problems(notebook):
    """Yield it if the code cells were not all executed, once each and from top to bottom."""
    counts = [cell.execution_count for _, cell in code_cells(notebook) if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"its cells were not executed from top to bottom in one go: {counts}"


def check_pair(source_path):
    """Yield what is wrong with one chapter's .ipynb."""
    target = source_path.with_suffix(".ipynb")
    if not target.exists():
        yield f"{target.name} is missing"
        return
    try:
        notebook = nbformat.reads(target.read_text(encoding="utf-8"), nbformat.NO_CONVERT)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        yield f"not a valid notebook: {excerpt(str(error))}"
        return
    yield from stale_problems(read_source(source_path), notebook)
    if notebook.metadata != METADATA:
        yield "its metadata are not those of the build"
    yield from execution_problems(notebook)
    yield from output_problems(notebook)
    yield from size_problems(target.stat().st_size)


def check(folder):
    """List everything that is wrong with the pairs in `folder`, one line each."""
    sources = {path.stem: path for path in sorted(folder.glob("*.py"))}
    orphans = sorted({path.stem for path in folder.glob("*.ipynb")} - set(sources))
    return [
        *(
            f"{name}: {problem} (python tools/build_notebooks.py build {name})"
            for name, path in sources.items()
            for problem in check_pair(path)
        ),
        *(f"{name}: {name}.ipynb has no .py source (write that, or delete it)" for name in orphans),
    ]


def run_build(names, folder):
    """Build the chapters named, or all, and report on each; returns the number that failed."""
    sources = {path.stem: path for path in sorted(folder.glob("*.py"))}
    failures = 0
    for name in names or sources:
        if name not in sources:
            sys.exit(f"no chapter {name!r} in {folder.name}/; there are: {list(sources)}")
        print(f"{name} ... ", end="", flush=True)
        try:
            print("written" if build(sources[name]) else "unchanged")
        except BuildError as error:
            failures += 1
            print(f"NOT written:\n{error}")
    return failures


def main(arguments, folder=NOTEBOOKS):
    """Build or check; returns the exit code."""
    match arguments:
        case ["build", *names]:
            return int(run_build(names, folder) > 0)
        case ["check"]:
            findings = check(folder)
            print("\n".join(findings) or f"{folder.name}/: every pair is in step")
            return int(bool(findings))
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
