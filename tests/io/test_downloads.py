"""Downloads from a server on this computer: whole or not at all, and a sentence for each fault."""

import contextlib
import errno
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pooch
import pytest
import web

from course_utils.io import downloads
from course_utils.io.downloads import (
    DownloadError,
    announced_size,
    cached_file,
    fetch_bytes,
    fetch_file,
)

CONTENT = bytes(range(256)) * 1600
HASH = hashlib.sha256(CONTENT).hexdigest()
PORTAL = b"\n <!DOCTYPE html><html><body>Hotel Wi-Fi: please log in</body></html>"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("COURSE_OFFLINE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def site():
    with web.serve() as site:
        yield site


@pytest.fixture
def secure_site(tmp_path):
    with web.serve(tls_folder=tmp_path) as site:
        yield site


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def refuse(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


# The cache folder


def test_the_cache_is_course_cache_or_the_systems_and_is_not_created(cache, monkeypatch):
    assert downloads.cache_folder() == cache and not cache.exists()
    monkeypatch.setenv("COURSE_CACHE", "~/pictures")
    assert downloads.cache_folder() == Path.home() / "pictures"
    monkeypatch.setenv("COURSE_CACHE", "")
    assert downloads.cache_folder() == Path(pooch.os_cache("course_utils"))


def test_without_a_home_directory_an_error_says_what_to_do(monkeypatch):
    def os_cache(name):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setattr(pooch, "os_cache", os_cache)
    with pytest.raises(DownloadError, match="home directory.*COURSE_CACHE"):
        fetch_file("http://127.0.0.1:1/a", HASH, "a.bin")


# What works


@pytest.mark.parametrize(
    "known_hash",
    [HASH, HASH.upper(), f"sha256:{HASH}", "md5:" + hashlib.md5(CONTENT).hexdigest()],
)
def test_a_file_is_downloaded_once_for_all_to_read(site, cache, known_hash):
    url = site.add("/a.bin", web.send(CONTENT))
    assert cached_file(known_hash, "data.bin") is None
    path = fetch_file(url, known_hash, "data.bin")
    assert path == cache / "data.bin" and path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o444 == 0o444
    assert fetch_file(url, known_hash, "data.bin") == path == cached_file(known_hash, "data.bin")
    assert site.hits == ["/a.bin"] and names(cache) == ["data.bin"]


def test_a_good_file_needs_no_network_and_no_write(site, cache, monkeypatch):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT)
    # Root may write anywhere, so the folder's mode would prove nothing.
    for module, name in (
        (tempfile, "NamedTemporaryFile"), (tempfile, "mkstemp"), (os, "makedirs"), (os, "mkdir"),
        (os, "replace"), (os, "rename"), (os, "chmod"), (os, "utime"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert fetch_file(site.url + "/a.bin", HASH, "data.bin").read_bytes() == CONTENT
    assert site.hits == []


def test_a_damaged_file_is_downloaded_again_or_not_used(site, cache):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT[:-1])
    assert cached_file(HASH, "data.bin") is None
    with pytest.raises(DownloadError, match="404"):
        fetch_file(site.url + "/gone", HASH, "data.bin")
    url = site.add("/a.bin", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("progress", [True, False])
def test_a_progress_bar_only_where_asked_for(site, capfd, tmp_path, progress):
    fetch_file(site.add("/a", web.send(CONTENT)), HASH, "a.bin", progress)
    shown = capfd.readouterr()
    assert ("100%" in shown.err) == progress and shown.out == ""
    assert str(tmp_path) not in shown.err


def test_redirects_are_followed_and_sizes_announced(site):
    site.add("/there", web.send(b"content"))
    url = site.add("/here", web.redirect("/there", 307))
    assert fetch_bytes(url, 7) == b"content"
    assert announced_size(url) == 7


# What does not work: one clear error, nothing left behind, and the next call succeeds

BAD_ANSWERS = {
    "404": (web.status(404), "answered 404 Not Found.*no such file: check the address"),
    "403": (web.status(403), "answered 403.*browser"),
    "429": (web.status(429), "answered 429.*later"),
    "500": (web.status(500), "answered 500.*later"),
    "wrong hash": (web.send(CONTENT[:-1]), "not the file expected.*log-in.*try again"),
    "captive portal": (web.send(PORTAL), "not the file expected.*log-in"),
    "closes in the middle": (web.half(CONTENT), "broke before the end.*Try again"),
    "no HTTP": (web.no_http, "no connection.*on-line"),
    "redirect to ftp": (web.redirect("ftp://127.0.0.1/a"), "[Cc]heck the address"),
    "redirect to a file": (web.redirect("file:///etc/hosts"), "[Cc]heck the address"),
    "redirect to itself": (web.redirect("/a"), "redirects.*[Cc]heck the address"),
}


@pytest.mark.parametrize("answer, words", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer(site, cache, answer, words):
    url = site.add("/a", answer)
    with warnings.catch_warnings(), pytest.raises(DownloadError, match=words):
        warnings.simplefilter("error")
        fetch_file(url, HASH, "data.bin")
    assert names(cache) == []
    if "hash" not in words and "file expected" not in words:
        with pytest.raises(DownloadError, match=words):
            fetch_bytes(url, 10**6)
    site.add("/a", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("announced", [{}, {"Content_Length": None}])
def test_the_largest_size_is_accepted_and_no_more(site, announced):
    url = site.add("/a", web.send(CONTENT, **announced))
    assert fetch_bytes(url, len(CONTENT)) == CONTENT
    with pytest.raises(DownloadError, match="larger than the 0.409599 MB allowed"):
        fetch_bytes(url, len(CONTENT) - 1)


def test_an_empty_answer(site):
    with pytest.raises(DownloadError, match="empty file"):
        fetch_bytes(site.add("/a", web.send(b"")), 100)


@pytest.mark.parametrize("answer", [web.silence, web.half(CONTENT, "wait")])
def test_a_stalled_server(site, cache, monkeypatch, answer):
    monkeypatch.setattr(downloads, "READ_SECONDS", 0.4)
    url = site.add("/a", answer)
    for fetch in (lambda: fetch_file(url, HASH, "data.bin"), lambda: fetch_bytes(url, 10**6)):
        with pytest.raises(DownloadError, match="time-out, the server is too slow"):
            fetch()
    assert names(cache) == []


def test_a_picture_may_take_so_long_in_all_and_a_weights_file_longer(site, monkeypatch):
    monkeypatch.setattr(downloads, "TOTAL_SECONDS", 0)
    url = site.add("/a", web.send(CONTENT))
    with pytest.raises(DownloadError, match="time-out"):
        fetch_bytes(url, 10**6)
    fetch_file(url, HASH, "data.bin")


def test_no_server_there(cache):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        with pytest.raises(DownloadError, match="no connection to the server '127.0.0.1'.*Wi-Fi"):
            fetch_file(url, HASH, "data.bin")
    assert names(cache) == []


@pytest.mark.parametrize("hangs, words", [(False, "no connection"), (True, "time-out, the name")])
def test_a_name_that_cannot_be_looked_up(monkeypatch, hangs, words):
    finish = threading.Event()

    def fail(*_, **__):
        if hangs:
            finish.wait(60)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(downloads, "RESOLVE_SECONDS", 0.3)
    try:
        with pytest.raises(DownloadError, match=f"{words}.*'course.example'.*Wi-Fi"):
            fetch_bytes("http://course.example/a", 100)
    finally:
        finish.set()


@pytest.mark.parametrize(
    "url",
    ["ftp://host/a", "file:///etc/hosts", "data:,x", "host/a", "", "http://", "https:///a",
     "http://[::1", "http://" + "a" * 70 + ".example/", "http://.example/", "http://host:port/",
     "http://" + "x" * 5000],
)  # fmt: skip
def test_an_odd_address(url):
    with pytest.raises(DownloadError) as caught:
        fetch_bytes(url, 100)
    assert len(str(caught.value)) < 800


def test_a_redirect_to_an_odd_address(site):
    with pytest.raises(DownloadError, match=r"it leads to http://\[::1\. Check the address"):
        fetch_bytes(site.add("/a", web.redirect("http://[::1")), 100)


def test_offline_the_network_is_not_used(site, cache, monkeypatch):
    url = site.add("/a", web.send(CONTENT))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    for fetch in (lambda: fetch_file(url, HASH, "a"), lambda: fetch_bytes(url, 10**6)):
        with pytest.raises(DownloadError, match="COURSE_OFFLINE is set"):
            fetch()
    assert site.hits == []
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    assert fetch_bytes(url, 10**6) == CONTENT


# TLS


def test_a_certificate_is_verified(secure_site, cache):
    url = secure_site.add("/a", web.send(CONTENT))
    for fetch in (lambda: fetch_bytes(url, 10**6), lambda: fetch_file(url, HASH, "data.bin")):
        with pytest.raises(DownloadError, match="cannot prove.*TLS certificate"):
            fetch()
    assert names(cache) == [] and secure_site.hits == []


def test_a_certificate_bundle_that_is_not_there(secure_site, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(DownloadError, match=r"missing\.pem.*REQUESTS_CA_BUNDLE"):
        fetch_bytes(secure_site.add("/a", web.send(CONTENT)), 10**6)


def test_no_redirect_leads_from_https_to_http(site, secure_site, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    plain = site.add("/a", web.send(CONTENT))
    secure = secure_site.add("/a", web.send(CONTENT))
    assert fetch_bytes(site.add("/up", web.redirect(secure)), 10**6) == CONTENT
    down = secure_site.add("/down", web.redirect(plain))
    for fetch in (lambda: fetch_bytes(down, 10**6), lambda: fetch_file(down, HASH, "data.bin")):
        with pytest.raises(DownloadError, match="from https to plain http"):
            fetch()
    assert "/a" not in site.hits


# Disks


def test_a_file_where_a_folder_should_be(site, cache, monkeypatch):
    cache.write_text("not a folder")
    for folder in (cache, cache / "deeper"):
        monkeypatch.setenv("COURSE_CACHE", str(folder))
        with pytest.raises(DownloadError, match="a file stands where a folder.*COURSE_CACHE"):
            fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert cache.read_text() == "not a folder"


@pytest.mark.parametrize(
    "code, words",
    [
        (errno.EACCES, "cannot be used: Permission denied. Ask for the right.*COURSE_CACHE"),
        (errno.EROFS, "cannot be used.*the right to.*COURSE_CACHE"),
        (errno.ENOSPC, "disk with the cache folder .* is full.*Free"),
    ],
)
@pytest.mark.parametrize("where", ["makedirs", "NamedTemporaryFile"])
def test_a_cache_that_cannot_be_written(site, cache, monkeypatch, code, words, where):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    if where == "makedirs":
        monkeypatch.setattr(os, where, fail)
    else:
        cache.mkdir()
        monkeypatch.setattr(tempfile, where, fail)
    with pytest.raises(DownloadError, match=words):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


def test_a_cached_file_that_cannot_be_read(site, cache, monkeypatch):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT)
    monkeypatch.setattr(pooch, "file_hash", refuse)
    with pytest.raises(DownloadError, match="Permission denied.*COURSE_CACHE"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_download_that_ends_in_the_middle_leaves_nothing(site, cache, monkeypatch, error):
    import requests

    def chunks(self, chunk_size):
        yield CONTENT[:1000]
        assert len(names(cache)) == 1
        raise error

    url = site.add("/a", web.send(CONTENT))
    with monkeypatch.context() as context:
        context.setattr(requests.Response, "iter_content", chunks)
        with pytest.raises(DownloadError if isinstance(error, OSError) else KeyboardInterrupt):
            fetch_file(url, HASH, "data.bin")
    assert names(cache) == []
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_leftovers_of_killed_downloads_go_after_an_hour(site, tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    folder = tmp_path / "course_utils"
    folder.mkdir()
    kept = ["tmp_12345", "tmp_123456.h5", "vgg16.h5"]
    old = [*kept, "tmpabcd_123"]
    for name in [*old, "tmp12345678"]:
        (folder / name).write_bytes(b"half")
    for name in old:
        os.utime(folder / name, (0, 0))
    url = site.add("/a", web.send(CONTENT))
    monkeypatch.setenv("COURSE_CACHE", str(folder))  # may hold other people's files
    fetch_file(url, HASH, "data.bin")
    assert names(folder) == sorted([*old, "tmp12345678", "data.bin"])
    monkeypatch.delenv("COURSE_CACHE")
    fetch_file(url, HASH, "more.bin")
    assert names(folder) == sorted([*kept, "tmp12345678", "data.bin", "more.bin"])


FETCH = "import sys; from course_utils.io.downloads import fetch_file; fetch_file(*sys.argv[1:])"


def start_fetching(*arguments):
    command = [sys.executable, "-c", FETCH, *arguments]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


def test_a_download_killed_in_the_middle_is_not_taken_for_the_file(site, cache):
    url = site.add("/a", web.half(CONTENT, then="wait"))
    child = start_fetching(url, HASH, "data.bin")
    try:
        give_up = time.monotonic() + 60
        while not names(cache):
            assert child.poll() is None and time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()
    assert "data.bin" not in names(cache)
    site.add("/a", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_two_processes_at_once(site, cache):
    both_are_here = threading.Barrier(2)

    def answer(handler):
        with contextlib.suppress(threading.BrokenBarrierError):
            both_are_here.wait(60)
        web.send(CONTENT)(handler)

    url = site.add("/a", answer)
    children = [start_fetching(url, HASH, "data.bin") for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert (cache / "data.bin").read_bytes() == CONTENT
    assert names(cache) == ["data.bin"] and site.hits == ["/a", "/a"]
