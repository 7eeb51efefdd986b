import contextlib
import errno
import gc
import gzip
import hashlib
import os
import queue
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

from course_utils import downloads
from course_utils.downloads import DownloadError, cached_file, fetch_bytes, fetch_file

CONTENT = bytes(range(256)) * 1600  # 400 KB: more than the download's thread holds ready
HASH = hashlib.sha256(CONTENT).hexdigest()
PORTAL = b"\n <!DOCTYPE html><html><body>Hotel Wi-Fi: please log in</body></html>"
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
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


# The cache folder


def test_cache_folder_is_course_cache_as_it_is_and_is_not_created(cache):
    assert downloads.cache_folder() == cache
    assert not cache.exists()


def test_cache_folder_expands_the_home_directory(monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", "~/pictures")
    assert downloads.cache_folder() == Path.home() / "pictures"


@pytest.mark.parametrize("value", [None, ""])
def test_cache_folder_is_the_systems_without_course_cache(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("COURSE_CACHE")
    else:
        monkeypatch.setenv("COURSE_CACHE", value)
    assert downloads.cache_folder() == Path(pooch.os_cache("course_utils"))


def test_cache_folder_without_a_home_directory_says_what_to_do(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")

    def os_cache(name):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(pooch, "os_cache", os_cache)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(DownloadError, match="home directory.*COURSE_CACHE"):
        fetch_file("http://127.0.0.1:1/a", HASH, "a.bin")


# What works


@pytest.mark.parametrize(
    "known_hash",
    [HASH, HASH.upper(), f"sha256:{HASH}", "md5:" + hashlib.md5(CONTENT).hexdigest()],
)
def test_fetch_file_downloads_once(site, cache, known_hash):
    url = site.add("/a.bin", web.send(CONTENT))
    assert cached_file(known_hash, "data.bin") is None
    path = fetch_file(url, known_hash, "data.bin")
    assert path == cache / "data.bin"
    assert path.read_bytes() == CONTENT
    assert fetch_file(url, known_hash, "data.bin") == path
    assert cached_file(known_hash, "data.bin") == path
    assert site.hits == ["/a.bin"]
    assert names(cache) == ["data.bin"]


def test_good_file_needs_no_network_and_no_write(site, cache, monkeypatch):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT)
    cache.chmod(0o555)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    # Root may write anywhere, so the folder's mode alone would prove nothing.
    for module, name in (
        (tempfile, "NamedTemporaryFile"), (tempfile, "mkstemp"), (os, "makedirs"),
        (os, "mkdir"), (os, "replace"), (os, "rename"), (os, "chmod"), (os, "utime"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    before = cache.stat().st_mtime_ns, (cache / "data.bin").stat().st_mtime_ns
    path = fetch_file(site.url + "/a.bin", HASH, "data.bin")
    assert path.read_bytes() == CONTENT
    assert (cache.stat().st_mtime_ns, path.stat().st_mtime_ns) == before
    assert site.hits == []


def test_damaged_file_is_downloaded_again(site, cache):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT[:-1])
    url = site.add("/a.bin", web.send(CONTENT))
    assert cached_file(HASH, "data.bin") is None
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_damaged_file_is_not_used_when_the_download_fails(site, cache):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(DownloadError, match="404"):
        fetch_file(site.url + "/gone", HASH, "data.bin")


def test_downloaded_file_is_readable_for_others(site):
    path = fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert path.stat().st_mode & 0o444 == 0o444


def test_progress_bar_only_where_asked_for(site, capfd, tmp_path):
    url = site.add("/a", web.send(CONTENT))
    fetch_file(url, HASH, "quiet.bin")
    shown = capfd.readouterr()
    assert shown.out + shown.err == ""
    fetch_file(url, HASH, "loud.bin", progress=True)
    shown = capfd.readouterr()
    assert "loud.bin: 100%" in shown.err
    assert str(tmp_path) not in shown.out + shown.err


def test_poochs_logger_is_left_as_it_was(site, monkeypatch):
    monkeypatch.setattr(pooch.get_logger(), "level", 17)
    fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert pooch.get_logger().level == 17


def test_fetch_bytes_follows_five_redirects(site):
    site.add("/5", web.send(b"content"))
    for step, code in enumerate((301, 302, 303, 307, 308)):
        site.add(f"/{step}", web.redirect(f"/{step + 1}", code))
    site.add("/before", web.redirect(site.url + "/0"))
    assert fetch_bytes(site.url + "/0", 100) == b"content"
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        fetch_bytes(site.url + "/before", 100)


def test_redirect_to_an_address_in_raw_utf_8(site):
    site.add("/caf%C3%A9", web.send(b"content"))

    def answer(handler):
        handler.wfile.write("HTTP/1.1 302 Found\r\nLocation: /café\r\n\r\n".encode())

    assert fetch_bytes(site.add("/a", answer), 100) == b"content"


def test_fetch_bytes_unpacks_what_a_server_packs_unasked(site):
    packed = gzip.compress(CONTENT)
    url = site.add("/a", web.send(packed, Content_Encoding="gzip"))
    assert fetch_bytes(url, len(CONTENT)) == CONTENT
    with pytest.raises(DownloadError, match="larger than"):
        fetch_bytes(url, len(CONTENT) - 1)


@pytest.mark.parametrize("announced", [True, False])
def test_fetch_bytes_accepts_the_largest_size_and_no_more(site, announced):
    answer = web.send(CONTENT, **({} if announced else {"Content_Length": None}))
    url = site.add("/a", answer)
    assert fetch_bytes(url, len(CONTENT)) == CONTENT
    with pytest.raises(DownloadError, match="larger than the 0.409599 MB allowed"):
        fetch_bytes(url, len(CONTENT) - 1)


def test_size_is_refused_before_the_body_is_read(site):
    asked = site.add("/a", web.half(CONTENT, then="wait"))
    with pytest.raises(DownloadError, match="larger than"):
        fetch_bytes(asked, 1000)


# What does not work: one clear error, nothing left behind, and the next call succeeds

BAD_ANSWERS = {
    "404": (web.status(404), "answered 404 Not Found.*no such file: check the address"),
    "403": (web.status(403), "answered 403.*browser"),
    "429": (web.status(429), "answered 429.*later"),
    "500": (web.status(500), "answered 500.*later"),
    "wrong hash": (web.send(CONTENT[:-1]), "not the file expected.*Try again"),
    "captive portal": (web.send(PORTAL), "web page came instead.*log-in"),
    "closes in the middle": (web.half(CONTENT), "broke before the end.*Try again"),
    "empty": (web.send(b""), "empty file"),
    "no HTTP": (web.no_http, "no connection|Check"),
    "redirect to ftp": (web.redirect("ftp://127.0.0.1/a"), "not an http or https address"),
    "redirect to a file": (web.redirect("file:///etc/hosts"), "not an http or https address"),
    "redirect to nowhere": (web.redirect(None), "answered 302"),
    "redirect to itself": (web.redirect("/a"), "more than 5 redirects"),
    "too large": (web.send(b"", Content_Length=10**10), "larger than the 2000 MB"),
}


@pytest.mark.parametrize("answer, words", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_bad_answer(site, cache, answer, words):
    url = site.add("/a", answer)
    with pytest.raises(DownloadError, match=words):
        fetch_file(url, HASH, "data.bin")
    assert names(cache) == []
    site.add("/a", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_connections_are_closed(site):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for answer, _ in BAD_ANSWERS.values():
            with contextlib.suppress(DownloadError):
                fetch_bytes(site.add("/a", answer), 1000)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_connection_broken_in_the_middle_is_noticed_without_the_librarys_help(site, monkeypatch):
    """Older versions of urllib3 do not compare the size with the one announced."""
    import requests

    monkeypatch.setattr(
        requests.Response, "iter_content", lambda self, size: iter([CONTENT[:1000]])
    )
    with pytest.raises(DownloadError, match="broke before the end"):
        fetch_bytes(site.add("/a", web.send(CONTENT)), 10**6)


@pytest.mark.parametrize(
    "answer, constant, words",
    [
        (web.silence, "READ_SECONDS", "time-out, the server sent nothing"),
        (web.half(CONTENT, "wait"), "READ_SECONDS", "time-out, the server sent nothing"),
        (web.silence, "STALL_SECONDS", "time-out, nothing came for"),
        (web.half(CONTENT, "wait"), "STALL_SECONDS", "time-out, nothing came for"),
        (web.drip(CONTENT), "STALL_SECONDS", "time-out, nothing came for"),
        (web.drip_headers, "STALL_SECONDS", "time-out, nothing came for"),
    ],
)
def test_stalled_server(site, cache, monkeypatch, answer, constant, words):
    monkeypatch.setattr(downloads, constant, 0.4)
    url = site.add("/a", answer)
    with pytest.raises(DownloadError, match=words):
        fetch_file(url, HASH, "data.bin")
    with pytest.raises(DownloadError, match=words):
        fetch_bytes(url, 10**6)
    assert names(cache) == []


def test_slow_drip_is_bounded_in_total(site, monkeypatch):
    monkeypatch.setattr(downloads, "TOTAL_SECONDS", 0.5)
    monkeypatch.setattr(downloads, "_CHUNK_BYTES", 1)  # so that each byte counts as progress
    with pytest.raises(DownloadError, match="time-out, it took too long"):
        fetch_bytes(site.add("/a", web.drip(CONTENT[:1000])), 10**6)


def test_fetch_file_is_not_bounded_in_total(site, monkeypatch):
    monkeypatch.setattr(downloads, "TOTAL_SECONDS", 0)
    fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


def test_no_server_there(cache):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        with pytest.raises(DownloadError, match="no connection to the server '127.0.0.1'.*Wi-Fi"):
            fetch_file(url, HASH, "data.bin")
    assert names(cache) == []


def test_unknown_host(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DownloadError, match="no connection to the server 'course.example'"):
        fetch_bytes("http://course.example/a", 100)


def test_resolver_that_hangs(cache, monkeypatch):
    finish = threading.Event()

    def hang(*_, **__):
        finish.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.3)
    try:
        for fetch in (
            lambda: fetch_file("http://course.example/a", HASH, "data.bin"),
            lambda: fetch_bytes("http://course.example/a", 100),
        ):
            with pytest.raises(DownloadError, match="time-out, nothing came for 0.3 seconds"):
                fetch()
    finally:
        finish.set()
    assert names(cache) == []


@pytest.mark.parametrize(
    "url",
    ["ftp://host/a", "file:///etc/hosts", "data:,x", "host/a", "", "http://", "https:///a",
     "http://[::1", "http://" + "a" * 70 + ".example/", "http://.example/", "http://host:port/",
     "http://" + "x" * 5000],
)  # fmt: skip
def test_odd_address(url):
    with pytest.raises(DownloadError) as caught:
        fetch_bytes(url, 100)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("value", ["1", "yes"])
def test_offline(site, cache, monkeypatch, value):
    monkeypatch.setenv("COURSE_OFFLINE", value)
    url = site.add("/a", web.send(CONTENT))
    for fetch in (lambda: fetch_file(url, HASH, "a"), lambda: fetch_bytes(url, 10**6)):
        with pytest.raises(DownloadError, match="COURSE_OFFLINE is set"):
            fetch()
    assert site.hits == []
    assert not cache.exists()
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    assert fetch_bytes(url, 10**6) == CONTENT


@pytest.mark.parametrize(
    "file_name", ["", ".", "..", "../a", "a/b", "/a", "a\\b", "..\\a", "C:a", "a\0b", None, 3]
)
def test_file_name_stays_in_the_cache(site, cache, file_name):
    url = site.add("/a", web.send(CONTENT))
    for call in (lambda: fetch_file(url, HASH, file_name), lambda: cached_file(HASH, file_name)):
        with pytest.raises(ValueError, match="plain file name"):
            call()
    assert not cache.exists() and site.hits == []


# TLS


def test_certificate_is_verified(secure_site, cache, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    url = secure_site.add("/a", web.send(CONTENT))
    with pytest.raises(DownloadError, match="cannot prove.*TLS certificate"):
        fetch_bytes(url, 10**6)
    with pytest.raises(DownloadError, match="TLS certificate"):
        fetch_file(url, HASH, "data.bin")
    assert names(cache) == [] and secure_site.hits == []


def test_redirect_from_https_to_http_is_refused(site, secure_site, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    plain = site.add("/a", web.send(CONTENT))
    secure = secure_site.add("/a", web.send(CONTENT))
    assert fetch_bytes(secure, 10**6) == CONTENT
    assert fetch_bytes(site.add("/up", web.redirect(secure)), 10**6) == CONTENT
    down = secure_site.add("/down", web.redirect(plain))
    for fetch in (lambda: fetch_bytes(down, 10**6), lambda: fetch_file(down, HASH, "data.bin")):
        with pytest.raises(DownloadError, match="from https to plain http"):
            fetch()
    assert "/a" not in site.hits


# Disks


def test_file_where_the_cache_folder_should_be(site, cache):
    cache.write_text("not a folder")
    with pytest.raises(DownloadError, match="a file stands where a folder.*COURSE_CACHE"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert cache.read_text() == "not a folder"


def test_file_where_the_parent_folder_should_be(site, cache, monkeypatch):
    cache.write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE", str(cache / "deeper"))
    with pytest.raises(DownloadError, match="a file stands where a folder.*COURSE_CACHE"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


def test_folder_with_the_files_name(site, cache):
    (cache / "data.bin").mkdir(parents=True)
    with pytest.raises(DownloadError, match="cannot be used"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("exists", [True, False])
def test_cache_folder_that_cannot_be_written(site, cache, monkeypatch, exists, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    if exists:
        cache.mkdir()
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    else:
        monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(DownloadError, match="cannot be used.*the right to.*COURSE_CACHE"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


def test_cached_file_that_cannot_be_read(site, cache, monkeypatch):
    cache.mkdir()
    (cache / "data.bin").write_bytes(CONTENT)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(pooch, "file_hash", refuse)
    with pytest.raises(DownloadError, match="Permission denied.*COURSE_CACHE"):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")


def break_writing(monkeypatch, error):
    """Let the second chunk that is written raise `error`."""

    @contextlib.contextmanager
    def broken_open(path, mode):
        chunks = []
        with open(path, mode) as file:

            def write(chunk, write=file.write):
                chunks.append(chunk)
                if len(chunks) == 2:
                    raise error
                return write(chunk)

            class File:
                tell = file.tell

            File.write = staticmethod(write)
            yield File

    monkeypatch.setattr(downloads, "open", broken_open, raising=False)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk(site, cache, monkeypatch, code):
    url = site.add("/a", web.send(CONTENT))
    with monkeypatch.context() as context:
        break_writing(context, OSError(code, os.strerror(code)))
        with pytest.raises(DownloadError, match="disk with the cache folder .* is full.*Free"):
            fetch_file(url, HASH, "data.bin")
    assert names(cache) == []
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_interrupted_kernel_leaves_nothing_behind(site, cache, monkeypatch):
    break_writing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert names(cache) == []


def test_thread_of_an_abandoned_download_ends(site, monkeypatch):
    full = threading.Event()

    class Queue(queue.Queue):
        def put(self, item):
            if self.full():
                full.set()
            super().put(item)

    monkeypatch.setattr(queue, "Queue", Queue)
    before = set(threading.enumerate())
    parts = downloads._stream(site.add("/a", web.send(CONTENT * 10)), 10**8)
    next(parts)
    (thread,) = (t for t in set(threading.enumerate()) - before if t.name == "download")
    assert full.wait(20)  # nobody takes the parts: the thread waits for room
    parts.close()
    thread.join(20)
    assert not thread.is_alive()


def test_leftovers_of_killed_downloads_go_after_an_hour(site, tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    folder = tmp_path / "course_utils"
    folder.mkdir()
    kept = ["tmp_12345", "tmp_123456.h5", "vgg16.h5"]
    for name in [*kept, "tmpabcd_123", "tmp12345678"]:
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (0, 0))
    os.utime(folder / "tmp12345678")  # still being written
    fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert names(folder) == sorted([*kept, "tmp12345678", "data.bin"])


def test_other_peoples_files_are_left_alone(site, cache):
    cache.mkdir()
    (cache / "tmp12345678").write_bytes(b"not ours")
    os.utime(cache / "tmp12345678", (0, 0))
    fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    assert names(cache) == ["data.bin", "tmp12345678"]


# Several processes

FETCH = """
import sys
from course_utils.downloads import fetch_file
print(fetch_file(*sys.argv[1:]))
"""


def start_fetching(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_download_killed_in_the_middle(site, cache):
    url = site.add("/a", web.half(CONTENT, then="wait"))
    child = start_fetching(url, HASH, "data.bin")
    try:
        give_up = time.monotonic() + 60
        while not any(path.stat().st_size for path in cache.glob("*")):
            assert child.poll() is None and time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        child.kill()
        child.communicate()
    (left,) = cache.glob("*")
    assert left.name != "data.bin" and 0 < left.stat().st_size < len(CONTENT)
    site.add("/a", web.send(CONTENT))
    assert fetch_file(url, HASH, "data.bin").read_bytes() == CONTENT


def test_two_processes_at_once(site, cache):
    both_are_here = threading.Barrier(2)

    def answer(handler):
        both_are_here.wait(60)
        web.send(CONTENT)(handler)

    url = site.add("/a", answer)
    children = [start_fetching(url, HASH, "data.bin") for _ in range(2)]
    for child in children:
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out.strip()) == (0, str(cache / "data.bin")), err
        assert str(cache) not in err
    assert (cache / "data.bin").read_bytes() == CONTENT
    assert names(cache) == ["data.bin"] and site.hits == ["/a", "/a"]


def test_a_bad_download_leaves_alone_what_another_process_has_fetched(site, cache):
    we_have_it = threading.Event()

    def late(handler):
        we_have_it.wait(60)
        web.send(bytes(len(CONTENT)))(handler)

    child = start_fetching(site.add("/late", late), HASH, "data.bin")
    try:
        give_up = time.monotonic() + 60
        while not site.hits:  # it has found no file in the cache
            assert child.poll() is None and time.monotonic() < give_up
            time.sleep(0.01)
        path = fetch_file(site.add("/a", web.send(CONTENT)), HASH, "data.bin")
    finally:
        we_have_it.set()
        _, err = child.communicate(timeout=60)
    assert child.returncode == 1 and "not the file expected" in err
    assert path.read_bytes() == CONTENT and names(cache) == ["data.bin"]


def test_import_is_light():
    code = (
        "import sys; from course_utils import downloads; "
        "print({'pooch', 'requests', 'tqdm', 'tensorflow', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"


def test_a_folder_that_may_not_be_used_is_named_in_plain_words(tmp_path):
    error = PermissionError("Cannot write to tmpul3k; use another data_files location.")  # pooch's
    trouble = downloads._disk_trouble(error, tmp_path)
    assert trouble.startswith(
        f"The cache folder '{tmp_path}' cannot be used: Permission denied. Ask"
    )
