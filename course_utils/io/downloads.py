"""Fetch files over HTTP into a cache, whole or not at all, and say in words what went wrong."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_utils.arguments import quote

# pooch and requests are imported where they are used, so that `import course_utils` is fast.

TIMEOUT = (10, 10)  # seconds: to reach a server, and between two pieces that it sends
TOTAL_SECONDS = 60  # for the whole of `fetch_bytes`
OTHER_CACHE = "or set the environment variable COURSE_CACHE to a folder you can write to."

_CHUNK_BYTES = 32 * 1024
_CHECK_NETWORK = "Check that this computer is online and that the Wi-Fi does not ask for a log-in."


class DownloadError(ValueError):
    """A download that did not happen: the message says why, and what to do."""


def cache_folder() -> Path:
    """Return the folder that keeps downloaded files, without creating it.

    It is the environment variable COURSE_CACHE where that is set, for example to a teaching lab's
    shared folder, which may be read-only; otherwise the operating system's cache folder.

    Raises:
        DownloadError: There is no home directory to put it in, and COURSE_CACHE is not set.
    """
    import pooch

    try:
        return Path(os.environ.get("COURSE_CACHE") or pooch.os_cache("course_utils")).expanduser()
    except RuntimeError as error:
        raise DownloadError(
            "No home directory is known, so there is no place for the cache folder. "
            "Set the environment variable COURSE_CACHE to a folder you can write to."
        ) from error


def cached_file(known_hash: str | None, file_name: str) -> Path | None:
    """Look a file up in the cache, with no network and nothing written.

    Args:
        known_hash: As for `fetch_file`.
        file_name: As for `fetch_file`.

    Returns:
        Path of the file if it is in the cache and has the right hash, else None.

    Raises:
        DownloadError: The file is there and cannot be read.
    """
    import pooch

    path = cache_folder() / file_name
    algorithm, _, digest = (known_hash or "").rpartition(":")
    try:
        if not path.is_file() or known_hash is None:
            return path if path.is_file() else None
        found = pooch.file_hash(str(path), alg=algorithm or "sha256")
    except OSError as error:
        raise DownloadError(disk_trouble(error, path.parent)) from error
    return path if found.lower() == digest.lower() else None


def fetch_file(url: str, known_hash: str | None, file_name: str, progress: bool = False) -> Path:
    """Return a file from the cache, downloading it first where it is missing or damaged.

    A file that already has the right hash is returned with no network and nothing written. With
    COURSE_OFFLINE=1 in the environment the network is never used.

    Args:
        url: Address of the file, http or https.
        known_hash: Hash of the file, as "md5:…", "sha256:…" or a bare SHA-256; None: none is
            published.
        file_name: Name of the file in the cache: no folders.
        progress: Show a progress bar.

    Returns:
        Path of the whole file.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, a wrong hash, a
            cache folder that cannot be written, a full disk.
    """
    import pooch

    path = cached_file(known_hash, file_name)
    if path is not None:
        return path
    folder = cache_folder()
    pooch.get_logger().setLevel("WARNING")  # it would print the cache's path into the notebook
    download = pooch.HTTPDownloader(progressbar=progress, chunk_size=_CHUNK_BYTES, **_options())
    try:
        with _faults_in_words(url):
            path = Path(pooch.retrieve(url, known_hash, file_name, folder, downloader=download))
        path.chmod(0o644)  # temporary files are private; a shared cache must be readable
    except OSError as error:
        raise DownloadError(disk_trouble(error, folder)) from error
    except DownloadError:
        raise
    except ValueError as error:  # how pooch reports a wrong hash
        raise DownloadError(
            f"Could not download {quote(url)}: what arrived is not the file expected (its hash is "
            f"not {known_hash}) and was thrown away. {_CHECK_NETWORK} If that does not help, the "
            "file has changed at its source."
        ) from error
    return path


def fetch_bytes(url: str, max_bytes: int) -> bytes:
    """Download a small file into memory, in at most `TOTAL_SECONDS`.

    Args:
        url: Address of the file, http or https.
        max_bytes: Largest size accepted.

    Returns:
        The file.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, more than
            `max_bytes`.
    """
    import requests

    deadline = time.monotonic() + TOTAL_SECONDS
    content = bytearray()
    with _faults_in_words(url), requests.get(url, stream=True, **_options()) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                raise DownloadError(
                    f"Could not download {quote(url)}: it is larger than the "
                    f"{max_bytes / 1e6:g} MB allowed. Use a smaller file."
                )
            if time.monotonic() > deadline:
                raise requests.Timeout
    return bytes(content)


def disk_trouble(error: OSError, folder: Path) -> str:
    """Say in words why the cache folder could not be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk with the cache folder '{folder}' is full. Free some space, {OTHER_CACHE}"
    reason = error.strerror or error
    return f"The cache folder '{folder}' cannot be used ({reason}). Check it, {OTHER_CACHE}"


def _options() -> dict[str, Any]:
    agent = "course_utils (Visualizing What CNNs Learn) python-requests"
    return {"headers": {"User-Agent": agent}, "timeout": TIMEOUT}


@contextlib.contextmanager
def _faults_in_words(url: str) -> Iterator[None]:
    """Ask for `url` inside: whatever goes wrong on the network becomes a `DownloadError`."""
    from requests import RequestException

    start = f"Could not download {quote(url)}:"
    if os.environ.get("COURSE_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(
            f"{start} the environment variable COURSE_OFFLINE is set, so the network is not used. "
            "Unset it to download."
        )
    try:
        yield
    except RequestException as error:
        raise DownloadError(f"{start} {_explain(error)}") from error


def _explain(error):
    """Say what `requests` found wrong, and what to do."""
    from requests import exceptions

    text, answer = str(error), error.response
    if "407 " in text:  # the proxy's answer to a request, or to the wish for a tunnel
        return (
            "the proxy asks for a name and a password (407). Put them into the environment "
            "variables HTTP_PROXY and HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT."
        )
    if "dependencies for SOCKS" in text:
        return (
            "the environment names a SOCKS proxy, which takes another package. Install it (python "
            "-m pip install pysocks), or name an HTTP proxy in HTTP_PROXY and HTTPS_PROXY."
        )
    if isinstance(error, exceptions.ProxyError):
        return "the proxy does not answer. Correct or unset HTTP_PROXY and HTTPS_PROXY."
    if answer is not None:
        later = answer.status_code == 429 or answer.status_code >= 500
        advice = "Try again later." if later else "Open the address in a browser to see why."
        return f"the server answered {answer.status_code} {answer.reason}. {advice}"
    if isinstance(error, exceptions.SSLError):
        return (
            f"the server's certificate is not trusted here. {_CHECK_NETWORK} Behind a proxy that "
            "reads along, set REQUESTS_CA_BUNDLE to the file with its certificate."
        )
    if isinstance(error, exceptions.Timeout) or "timed out" in text:
        return f"the server is too slow, or out of reach (time-out). {_CHECK_NETWORK}"
    if isinstance(error, exceptions.ConnectionError | exceptions.ChunkedEncodingError):
        return f"there is no connection to the server, or it broke. {_CHECK_NETWORK}"
    return f"{text[:200].rstrip('.')}. Check the address."
