"""Downloads from a server on this computer: whole or not at all, and a sentence for each fault."""

import errno
import hashlib
import os
import socket
from pathlib import Path

import pooch
import pytest
import requests
import web

from course_utils.io import downloads
from course_utils.io.downloads import DownloadError, cached_file, fetch_bytes, fetch_file

CONTENT = bytes(range(256)) * 1600
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet, and a shell that has set nothing else."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site():
    with web.serve() as site:
        yield site


def test_the_cache_is_course_cache_or_the_systems_and_is_not_created(cache, monkeypatch):
    assert downloads.cache_folder() == cache and not cache.exists()
    monkeypatch.setenv("COURSE_CACHE", "~/pictures")
    assert downloads.cache_folder() == Path.home() / "pictures"
    monkeypatch.delenv("COURSE_CACHE")
    assert downloads.cache_folder() == Path(pooch.os_cache("course_utils"))


@pytest.mark.parametrize("known_hash", [HASH, "md5:" + hashlib.md5(CONTENT).hexdigest()])
def test_a_file_is_downloaded_once_for_all_to_read(site, cache, known_hash, monkeypatch, capfd):
    url = site.add("/a.bin", web.send(CONTENT))
    assert cached_file(known_hash, "data.bin") is None
    path = fetch_file(url, known_hash, "data.bin")
    assert path == cache / "data.bin" and path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o444 == 0o444
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert fetch_file(url, known_hash, "data.bin") == path == cached_file(known_hash, "data.bin")
    assert site.hits == ["/a.bin"] and os.listdir(cache) == ["data.bin"]


def test_a_damaged_file_is_downloaded_again(site, cache):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT[:-1])
    url = site.add("/a.bin", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


FAULTS = {
    "404": (web.status(404), "answered 404 Not Found. Open the address in a browser"),
    "500": (web.status(500), "answered 500 .*Try again later"),
    "407": (web.status(407), r"proxy asks for a name and a password \(407\).*HTTPS_PROXY"),
    "another file": (web.send(CONTENT[:-1]), "not the file expected.*Wi-Fi"),
    "cut short": (web.send(CONTENT[:-1], announced=len(CONTENT)), "or it broke.*Wi-Fi"),
    "silent": (web.silence, "too slow.*time-out"),
}


@pytest.mark.parametrize("answer, words", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_in_words_and_leaves_nothing(site, cache, monkeypatch, answer, words):
    monkeypatch.setattr(downloads, "TIMEOUT", (10, 0.5 if answer is web.silence else 60))
    with pytest.raises(DownloadError, match=words):
        fetch_file(site.add("/a", answer), HASH, "data.bin")
    assert os.listdir(cache) == []


@pytest.fixture
def nobody():
    """The address of a server that isn't there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_no_server_there(nobody):
    with pytest.raises(DownloadError, match="no connection to the server.*Wi-Fi"):
        fetch_bytes(nobody, 100)


@pytest.mark.parametrize("url", ["ftp://host/a", "http://"])
def test_an_odd_address(url):
    with pytest.raises(DownloadError, match="Check the address"):
        fetch_bytes(url, 100)


def test_the_largest_size_is_accepted_and_no_more(site):
    url = site.add("/a", web.send(CONTENT))
    assert fetch_bytes(url, len(CONTENT)) == CONTENT
    with pytest.raises(DownloadError, match="larger than the 0.409599 MB allowed"):
        fetch_bytes(url, len(CONTENT) - 1)


def test_offline_the_network_is_not_used(site, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(DownloadError, match="COURSE_OFFLINE is set"):
        fetch_bytes(site.add("/a", web.send(CONTENT)), 10**6)
    assert site.hits == []


def test_a_proxy_is_asked_also_for_names_that_only_it_knows(site, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url)
    site.add("http://picture.invalid/a", web.send(CONTENT))
    assert fetch_bytes("http://picture.invalid/a", 10**6) == CONTENT


def test_a_proxy_that_does_not_answer(monkeypatch, nobody):
    monkeypatch.setenv("https_proxy", nobody)
    with pytest.raises(DownloadError, match="the proxy does not answer.*HTTPS_PROXY"):
        fetch_bytes("https://picture.invalid/a", 100)


def test_a_proxy_that_takes_another_package(monkeypatch):
    def get(*_, **__):
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(DownloadError, match="a SOCKS proxy.*pip install pysocks"):
        fetch_bytes("https://picture.invalid/a", 100)


@pytest.mark.parametrize(
    "code, words", [(errno.ENOSPC, "is full. Free some space"), (errno.EROFS, "cannot be used")]
)
def test_a_cache_that_cannot_be_written(site, monkeypatch, code, words):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "makedirs", fail)
    with pytest.raises(DownloadError, match=f"{words}.*COURSE_CACHE to a folder you can write"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
