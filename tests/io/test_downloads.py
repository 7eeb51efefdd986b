"""Downloads from a server on this computer: whole or not at all, and a sentence for each fault."""

import hashlib
import os
from pathlib import Path

import pooch
import pytest
import web

from course_utils.io import downloads
from course_utils.io.downloads import DownloadError, cached_file, fetch_bytes, fetch_file

CONTENT = bytes(range(256)) * 1600
HASH = hashlib.sha256(CONTENT).hexdigest()
pytestmark = pytest.mark.usefixtures("cache")


def test_the_cache_is_course_cache_or_the_systems_and_is_not_created(cache, monkeypatch):
    assert downloads.cache_folder() == cache and not cache.exists()
    monkeypatch.setenv("COURSE_CACHE", "~/pictures")
    assert downloads.cache_folder() == Path.home() / "pictures"
    monkeypatch.delenv("COURSE_CACHE")
    assert downloads.cache_folder() == Path(pooch.os_cache("course_utils"))


@pytest.mark.parametrize("known_hash", [HASH, "md5:" + hashlib.md5(CONTENT).hexdigest()])
def test_a_file_is_downloaded_once_for_all_to_read(site, cache, known_hash, monkeypatch, capfd):
    url = site.add("/folder/a.bin?download=1", web.send(CONTENT))
    assert cached_file(url, known_hash) is None
    path = fetch_file(url, known_hash)
    assert path == cache / "a.bin" and path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o444 == 0o444
    assert capfd.readouterr().out == ""
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert fetch_file(url, known_hash) == path == cached_file(url, known_hash)
    assert site.hits == ["/folder/a.bin?download=1"] and os.listdir(cache) == ["a.bin"]
    path.write_bytes(CONTENT[:-1])  # damaged
    monkeypatch.delenv("COURSE_OFFLINE")
    assert fetch_file(url, known_hash).read_bytes() == CONTENT


FAULTS = {
    "404": (web.status(404), "answered 404 Not Found. Check the address"),
    "407": (web.status(407), "answered 407 .*http://NAME:PASSWORD@HOST:PORT if it asks for"),
    "another file": (web.send(CONTENT[:-1]), "does not match the known hash.*Wi-Fi"),
    "cut short": (web.send(CONTENT[:-1], announced=len(CONTENT)), "only a part.*Wi-Fi"),
    "silent": (web.silence, "no answer.*ReadTimeout"),
}


@pytest.mark.parametrize("answer, words", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_in_words_and_leaves_nothing(site, cache, monkeypatch, answer, words):
    monkeypatch.setitem(downloads._OPTIONS, "timeout", 0.5 if answer is web.silence else 60)
    with pytest.raises(DownloadError, match=f"Could not download '.*/a': .*{words}"):
        fetch_file(site.add("/a", answer), HASH)
    assert os.listdir(cache) == []


NOBODY = "http://127.0.0.1:9"  # no server there
UNREACHABLE = {
    "no server": (NOBODY, {}, "no answer.*ConnectionError"),
    "another kind": ("ftp://host/a", {}, "ftp://host/a'. Check the address"),
    "no host": ("http://", {}, "No host supplied. Check the address"),
    "no proxy": ("https://a.invalid", {"https_proxy": NOBODY}, "ProxyError.*HTTPS_PROXY must"),
    "offline": (NOBODY, {"COURSE_OFFLINE": "1"}, "COURSE_OFFLINE is set, so the network is not"),
}


@pytest.mark.parametrize("url, variables, words", UNREACHABLE.values(), ids=UNREACHABLE)
def test_what_cannot_be_reached(monkeypatch, url, variables, words):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError, match=words):
        fetch_bytes(url, 100)


def test_a_proxy_is_asked_and_a_large_file_is_not_read_to_its_end(site, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url)
    url = "http://picture.invalid/a"  # a name that only the proxy knows
    site.add(url, web.send(CONTENT))
    assert fetch_bytes(url, len(CONTENT)) == CONTENT
    assert 1000 < len(fetch_bytes(url, 1000)) < len(CONTENT)


def test_a_cache_that_cannot_be_written(site, cache):
    cache.touch()
    with pytest.raises(DownloadError, match="cache' cannot be used.*COURSE_CACHE to a folder"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH)
