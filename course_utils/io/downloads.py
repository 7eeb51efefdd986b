"""Fetch files over HTTP into a cache, whole or not at all."""

import contextlib
import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

# pooch and requests are imported where they are used, so that `import course_utils` is fast.

RESOLVE_SECONDS = 10  # for the name of a server: the resolver itself may wait for minutes
CONNECT_SECONDS = 10  # for a server to accept the connection
READ_SECONDS = 10  # between two pieces that the server sends
TOTAL_SECONDS = 60  # for the whole of `fetch_bytes`
OTHER_CACHE = "or set the environment variable COURSE_CACHE to a folder you can write to."

_CHUNK_BYTES = 32 * 1024
_LEFTOVER_SECONDS = 3600
_CHECK_NETWORK = (
    "Check that this computer is on-line and that the Wi-Fi does not ask for a log-in first, "
    "then try again."
)


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

    A download goes to a temporary file in the cache folder, is checked against the hash, and only
    then takes its name. A file that already has the right hash is returned with no network and
    nothing written. With COURSE_OFFLINE=1 in the environment the network is never used.

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
    _remove_leftovers()
    download = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=_CHUNK_BYTES, **_request_options()
    )
    try:
        with _network_errors_explained(url), _quiet(pooch.get_logger()):
            path = Path(
                pooch.retrieve(url, known_hash, fname=file_name, path=folder, downloader=download)
            )
        os.chmod(path, 0o644)  # temporary files are private; a shared cache must be readable
    except OSError as error:
        raise DownloadError(disk_trouble(error, folder)) from error
    except DownloadError:
        raise
    except ValueError as error:  # how pooch reports a wrong hash
        raise DownloadError(
            f"Could not download {_shorten(url)}: what arrived is not the file expected (its hash "
            f"is not {known_hash}) and was thrown away. Does the Wi-Fi ask for a log-in first? "
            "If not, try again; if that does not help, the file has changed at its source."
        ) from error
    return path


def fetch_bytes(url: str, max_bytes: int) -> bytes:
    """Download a small file into memory, in a bounded time.

    Args:
        url: Address of the file, http or https.
        max_bytes: Largest size accepted.

    Returns:
        The file, never empty.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, a refused redirect,
            more than `max_bytes`.
    """
    import requests

    deadline = time.monotonic() + TOTAL_SECONDS
    content = bytearray()
    with (
        _network_errors_explained(url),
        requests.get(url, stream=True, **_request_options()) as answer,
    ):
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                raise DownloadError(
                    f"Could not download {_shorten(url)}: it is larger than the "
                    f"{max_bytes / 1e6:g} MB allowed. Use a smaller file."
                )
            if time.monotonic() > deadline:
                raise requests.Timeout
    if not content:
        raise DownloadError(f"Could not download {_shorten(url)}: the server sent an empty file.")
    return bytes(content)


def announced_size(url: str) -> int:
    """Ask a server how many bytes a file has; 0 where it doesn't say.

    Raises:
        DownloadError: As `fetch_bytes`.
    """
    import requests

    with (
        _network_errors_explained(url),
        requests.get(url, stream=True, **_request_options()) as answer,
    ):
        answer.raise_for_status()
        return int(answer.headers.get("Content-Length", 0))


def disk_trouble(error: OSError, folder: Path) -> str:
    """Say in words why the cache folder could not be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk with the cache folder '{folder}' is full. Free some space, {OTHER_CACHE}"
    if isinstance(error, FileExistsError | NotADirectoryError):
        problem = "a file stands where a folder should be. Move it away"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        # pooch raises one of its own, with a sentence about a temporary file and no strerror.
        reason = error.strerror or os.strerror(errno.EACCES)
        problem = f"{reason}. Ask for the right to use it"
    else:
        problem = f"{error.strerror or error}. Check the folder"
    return f"The cache folder '{folder}' cannot be used: {problem}, {OTHER_CACHE}"


def _remove_leftovers():
    """Delete what killed downloads left behind, in the folder that is ours alone.

    A running download writes to its temporary file all the time: one that has not changed for an
    hour has lost its program. COURSE_CACHE is left alone: it may hold other people's files.
    """
    if os.environ.get("COURSE_CACHE"):
        return
    for path in cache_folder().glob("tmp????????"):
        # Another process may have been quicker, and Windows keeps a file that is open.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def _quiet(logger):
    """Keep pooch from printing the cache's path into a notebook."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _request_options():
    return {
        "headers": {
            "User-Agent": "course_utils (Visualizing What CNNs Learn) python-requests",
            "Accept-Encoding": "identity",  # compressed, the announced size would be another
        },
        "timeout": (CONNECT_SECONDS, READ_SECONDS),
        "hooks": {"response": _refuse_downgrade},
    }


def _refuse_downgrade(response, **_):
    """Refuse a redirect from https to http, which anyone on the way could change."""
    if not response.is_redirect:
        return
    location = response.headers["Location"]
    try:
        target = urljoin(response.url, location)
        scheme = urlsplit(target).scheme
    except ValueError as error:  # for example a bracket that is not closed
        raise DownloadError(
            f"Could not download {_shorten(response.url)}: it leads to {_shorten(location)}. "
            "Check the address."
        ) from error
    if urlsplit(response.url).scheme == "https" and scheme == "http":
        raise DownloadError(
            f"Could not download {_shorten(response.url)}: it leads from https to plain http "
            f"({_shorten(target)}), which anyone on the way can change. "
            "Use another source for this file."
        )


@contextlib.contextmanager
def _network_errors_explained(url: str) -> Iterator[None]:
    """Ask for `url` inside: raises `DownloadError` for all that can go wrong on the network.

    Disk errors pass through.
    """
    import requests
    from urllib3.exceptions import HTTPError

    _refuse_if_offline(url)
    _check_name(url)
    start = f"Could not download {_shorten(url)}:"
    try:
        yield
    except requests.HTTPError as error:
        raise DownloadError(f"{start} {_bad_status(error.response)}") from error
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"{start} the server cannot prove that it is the one asked for (its TLS certificate). "
            f"{_CHECK_NETWORK}"
        ) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise DownloadError(
            f"{start} the connection broke before the end of the file. Try again."
        ) from error
    except (requests.Timeout, requests.ConnectionError) as error:
        slow = isinstance(error, requests.Timeout) or "timed out" in str(error)
        reason = "time-out, the server is too slow" if slow else "no connection to the server"
        raise DownloadError(
            f"{start} {reason} '{urlsplit(url).hostname}'. {_CHECK_NETWORK}"
        ) from error
    except (requests.RequestException, HTTPError, UnicodeError) as error:  # odd addresses
        raise DownloadError(f"{start} {_shorten(error).rstrip('.')}. Check the address.") from error
    except OSError as error:
        if type(error) is not OSError or error.errno is not None:
            raise  # the disk's; requests' own has no number
        raise DownloadError(
            f"{start} {_shorten(error)}. Correct the environment variable REQUESTS_CA_BUNDLE or "
            "CURL_CA_BUNDLE, or unset it."
        ) from error


def _refuse_if_offline(url):
    if os.environ.get("COURSE_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(
            f"Could not download {_shorten(url)}: the environment variable COURSE_OFFLINE is set, "
            "so the network is not used. Unset it to download."
        )


def _check_name(url):
    """Look a server's name up in a thread: a call to the resolver takes no time limit.

    What it finds does not matter here: requests will look again, and say what is wrong.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # for example a bracket that is not closed
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise DownloadError(
            f"Could not download {_shorten(url)}: not an http or https address. An address looks "
            "like https://host/path."
        )

    def resolve():
        with contextlib.suppress(OSError, UnicodeError):
            socket.getaddrinfo(host, None)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(RESOLVE_SECONDS)
    if thread.is_alive():
        raise DownloadError(
            f"Could not download {_shorten(url)}: time-out, the name '{host}' could not be looked "
            f"up. {_CHECK_NETWORK}"
        )


def _bad_status(response):
    code = response.status_code
    if code in (404, 410):
        advice = "There is no such file: check the address."
    elif code == 429 or code >= 500:
        advice = "The server has trouble or is busy: try again later."
    else:
        advice = "The server does not give this file out: check the address in a browser."
    reason = f" {response.reason}" if response.reason else ""
    return f"the server answered {code}{reason}. {advice}"


def _shorten(text):
    text = str(text)
    return text if len(text) <= 200 else text[:150] + "…" + text[-40:]
