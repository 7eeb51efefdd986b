"""Collections: crops that need no network, and Caltech-101 from a server on this computer."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import web

import course_utils as cu
from course_utils.io import collections


def test_crops_are_squares_of_photographs_and_do_not_overlap():
    crops = cu.sample_crops()
    assert {(c.shape, c.dtype) for c in crops.values()} == {((224, 224, 3), np.dtype(np.uint8))}
    assert len({c.tobytes() for c in crops.values()}) == len(crops) > 40
    np.testing.assert_array_equal(crops["coffee 2"], cu.load_image("coffee")[:224, 224:448])
    assert len({name.rpartition(" ")[0] for name in crops}) == 14


PICTURES = {"cup/image_0001.jpg": b"cup", "lamp/image_0001.jpg": b"lamp"}


def caltech():
    """An archive as Caltech's: a tar file in a ZIP file, with things that are no pictures."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for name, content in {**PICTURES, "cup/._image_0001.jpg": b"x", "cup/tmp": b"x"}.items():
            member = tarfile.TarInfo(f"101_ObjectCategories/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("caltech-101/101_ObjectCategories.tar.gz", inner.getvalue())
    return outer.getvalue()


def test_caltech101_is_downloaded_and_unpacked_once(cache, monkeypatch):
    archive = caltech()
    monkeypatch.setattr(collections, "_CALTECH101_SHA256", hashlib.sha256(archive).hexdigest())
    with web.serve() as site:
        monkeypatch.setattr(collections, "_CALTECH101_URL", site.add("/a.zip", web.send(archive)))
        folder = cu.caltech101_folder()
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    assert {name: path.read_bytes() for name, path in found.items()} == PICTURES
    assert [path.name for path in cache.iterdir()] == ["caltech101"]
    assert cu.caltech101_folder() == folder  # from the cache: the server is gone
