"""Fetch files over HTTP into a cache, whole or not at all, and say in words what went wrong."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from course_utils.arguments import quote

# pooch and requests are imported where they are used, so that `import course_utils` is fast.

OTHER_CACHE = "or set the environment variable COURSE_CACHE to a folder you can write to."

_CHUNK_BYTES = 32 * 1024
_OPTIONS: dict[str, Any] = {
    "headers": {"User-Agent": "course_utils (Visualizing What CNNs Learn) python-requests"},
    "timeout": (10, 10),  # seconds: to reach a server, and between two pieces that it sends
}
_ADVICE = (
    "Check the address. Is this computer online? Does the Wi-Fi ask for a log-in? If you're behind "
    "a proxy, HTTP_PROXY and HTTPS_PROXY must name it: http://HOST:PORT, or "
    "http://NAME:PASSWORD@HOST:PORT if it asks for a password. Otherwise try again later."
)


class DownloadError(ValueError):
    """A download that did not happen: the message says why, and what to do."""


def cache_folder() -> Path:
    """Return the folder that keeps downloaded files, without creating it.

    If the environment variable COURSE_CACHE is set, that is the folder: a teaching lab's shared
    one, for example, which may be read-only. Otherwise it is the operating system's cache folder.
    """
    import pooch

    return Path(os.environ.get("COURSE_CACHE") or pooch.os_cache("course_utils")).expanduser()


def _path_of(url):
    return cache_folder() / Path(urlsplit(url).path).name


def cached_file(url: str, known_hash: str | None) -> Path | None:
    """Return the path of a file if it is in the cache with the right hash, else None.

    It uses no network and writes nothing. The arguments are those of `fetch_file`.

    Raises:
        DownloadError: The file is there and cannot be read.
    """
    from pooch.hashes import hash_matches

    path = _path_of(url)
    with disk_faults_in_words():
        return path if path.is_file() and hash_matches(path, known_hash) else None


def fetch_file(url: str, known_hash: str | None) -> Path:
    """Return a file from the cache; if it isn't there and whole, download it, with a progress bar.

    If COURSE_OFFLINE=1 is in the environment, the network is never used.

    Args:
        url: Address of the file, http or https. Its last part is the file's name in the cache.
        known_hash: Hash of the file, as "md5:…", "sha256:…" or a bare SHA-256; None if none is
            published.

    Returns:
        Path of the whole file.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, a wrong hash, a
            cache folder that cannot be written, a full disk.
    """
    import pooch

    if path := cached_file(url, known_hash):
        return path
    pooch.get_logger().setLevel("WARNING")  # it would print the cache's path into the notebook
    download = pooch.HTTPDownloader(progressbar=True, chunk_size=_CHUNK_BYTES, **_OPTIONS)
    with disk_faults_in_words(), _network_faults_in_words(url):
        path = _path_of(url)
        pooch.retrieve(url, known_hash, path.name, path.parent, downloader=download)
        path.chmod(0o644)  # temporary files are private; a shared cache must be readable
    return path


def fetch_bytes(url: str, max_bytes: int) -> bytes:
    """Download a small file, or just enough of it to show that it has more than `max_bytes`.

    Raises:
        DownloadError: No network, no answer in time, an error from the server.
    """
    import requests

    content = bytearray()
    with _network_faults_in_words(url), requests.get(url, stream=True, **_OPTIONS) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                break
    return bytes(content)


@contextlib.contextmanager
def disk_faults_in_words() -> Iterator[None]:
    """Use the cache folder inside: whatever the disk raises becomes a `DownloadError`."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"The cache folder '{cache_folder()}' cannot be used ({error.strerror or error}). "
            f"Make room, ask for permission to write there, {OTHER_CACHE}"
        ) from error


@contextlib.contextmanager
def _network_faults_in_words(url: str) -> Iterator[None]:
    """Ask for `url` inside: whatever the network raises becomes a `DownloadError`."""
    from requests import RequestException

    start = f"Could not download {quote(url)}:"
    if os.environ.get("COURSE_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(
            f"{start} the environment variable COURSE_OFFLINE is set, so the network is not used. "
            "Unset it to download."
        )
    try:
        yield
    except (RequestException, ValueError) as error:
        answer = getattr(error, "response", None)
        if answer is not None:
            reason = f"the server answered {answer.status_code} {answer.reason}."
        elif isinstance(error, ValueError):  # an odd address, or pooch found a wrong hash
            reason = f"{str(error).rstrip('.')}."
        else:
            reason = f"no answer came, or only a part of one ({type(error).__name__})."
        raise DownloadError(f"{start} {reason} {_ADVICE}") from error
