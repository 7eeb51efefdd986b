"""Collections: crops that need no network, and Caltech-101 from a server on this computer."""

import errno
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import web
from PIL import Image

import course_utils as cu
from course_utils import __main__ as commands
from course_utils.io import collections

# Crops


def test_crops_are_squares_of_photographs_and_do_not_overlap():
    crops = cu.sample_crops()
    assert len(crops) > 40
    assert {(c.shape, c.dtype) for c in crops.values()} == {((224, 224, 3), np.dtype(np.uint8))}
    assert len({c.tobytes() for c in crops.values()}) == len(crops)
    coffee = cu.load_image("coffee")
    np.testing.assert_array_equal(crops["coffee 2"], coffee[:224, 224:448])
    assert not any(name.startswith("cat_and_coffee") for name in crops)
    photographs = {name.rpartition(" ")[0] for name in crops}
    assert len(photographs) == 14 and len(cu.sample_crops(112)) > 4 * len(crops)


@pytest.mark.parametrize("side", [15, 301, "224", 20.5])
def test_a_side_out_of_range(side):
    with pytest.raises(ValueError, match="side must be a whole number of pixels from 16 to 300"):
        cu.sample_crops(side)


# Caltech-101


def jpeg(color):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), color).save(buffer, "JPEG")
    return buffer.getvalue()


def caltech(pictures):
    """An archive as Caltech's: a tar file in a ZIP file, with things that are no pictures."""
    root = "101_ObjectCategories"
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for name, content in {**pictures, "cup/._image_0001.jpg": b"x", "cup/tmp": b"x"}.items():
            member = tarfile.TarInfo(f"{root}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr(f"caltech-101/{root}.tar.gz", inner.getvalue())
        archive.writestr("caltech-101/Annotations.tar", b"none")
    return outer.getvalue()


PICTURES = {"cup/image_0001.jpg": jpeg("red"), "lamp/image_0001.jpg": jpeg("blue")}
ARCHIVE = caltech(PICTURES)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(cache, monkeypatch):
    with web.serve() as site:
        monkeypatch.setattr(collections, "_CALTECH101_URL", site.url + "/a.zip?download=1")
        digest = hashlib.sha256(ARCHIVE).hexdigest()
        monkeypatch.setattr(collections, "_CALTECH101_SHA256", digest)
        yield site


def files(folder):
    paths = folder.rglob("*") if folder.exists() else []
    return sorted(path.relative_to(folder).as_posix() for path in paths if path.is_file())


def test_caltech101_is_downloaded_and_unpacked_once(site, cache, capsys):
    site.add("/a.zip?download=1", web.send(ARCHIVE))
    folder = cu.caltech101_folder()
    assert files(folder) == sorted(PICTURES)
    assert (folder / "cup/image_0001.jpg").read_bytes() == PICTURES["cup/image_0001.jpg"]
    assert files(cache) == [f"caltech101/{name}" for name in sorted(PICTURES)]  # nothing else
    assert folder.stat().st_mode & 0o777 == 0o755
    site.pages.clear()
    assert cu.caltech101_folder() == folder and len(site.hits) == 1
    capsys.readouterr()
    assert commands.main(["fetch", "Caltech101"]) == 0
    assert str(folder) in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, words",
    [
        (web.half(ARCHIVE), "Try again"),
        (web.send(ARCHIVE[:-1] + b"x"), "not the file expected"),
        (web.status(503), "answered 503"),
    ],
)
def test_whole_or_not_at_all(site, cache, answer, words):
    site.add("/a.zip?download=1", answer)
    with pytest.raises(cu.DownloadError, match=words):
        cu.caltech101_folder()
    assert not (cache / "caltech101").exists()


def test_unpacking_that_was_cut_off_leaves_no_folder(site, cache, monkeypatch):
    site.add("/a.zip?download=1", web.send(ARCHIVE))
    written = []

    def write_one(path, content):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path.open("wb").write(content))

    with monkeypatch.context() as context:
        context.setattr(Path, "write_bytes", write_one)
        with pytest.raises(cu.DownloadError, match="is full"):
            cu.caltech101_folder()
    assert written and files(cache) == ["caltech-101.zip"]
    assert files(cu.caltech101_folder()) == sorted(PICTURES) and len(site.hits) == 1


def test_offline_it_says_so(cache, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert commands.main(["fetch", "caltech101"]) == 1
    assert "COURSE_OFFLINE is set" in capsys.readouterr().err
