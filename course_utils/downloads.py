"""Fetch files over HTTP into a cache, whole or not at all."""

import contextlib
import errno
import math
import os
import queue
import threading
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

# pooch, requests and tqdm are imported where they are used, so that `import course_utils` is fast.

CONNECT_SECONDS = 10  # for a server to accept the connection
READ_SECONDS = 10  # between two pieces that the server sends
STALL_SECONDS = 20  # without one chunk of the file: covers a resolver that hangs, and slow drips
TOTAL_SECONDS = 60  # for the whole of `fetch_bytes`
MAX_FILE_BYTES = 2 * 10**9  # for `fetch_file`
MAX_REDIRECTS = 5

_CHUNK_BYTES = 32 * 1024
_LEFTOVER_SECONDS = 3600
_REDIRECT_CODES = (301, 302, 303, 307, 308)
_HEADERS = {
    "User-Agent": "course_utils (Visualizing What CNNs Learn) python-requests",
    # Compressed on the way, the sizes announced would not be the sizes received.
    "Accept-Encoding": "identity",
}
_CHECK_NETWORK = (
    "Check that this computer is on-line and that the Wi-Fi does not ask for a log-in first, "
    "then try again."
)
_OTHER_CACHE = "or set the environment variable COURSE_CACHE to a folder you can write to."


class DownloadError(ValueError):
    """A download that did not happen: the message says why, and what to do."""


def cache_folder():
    """Return the folder that keeps downloaded files, without creating it.

    It is the environment variable COURSE_CACHE where that is set, for example to a teaching lab's
    shared folder, which may be read-only; otherwise the operating system's cache folder.

    Returns:
        `pathlib.Path`.

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


def cached_file(known_hash, file_name):
    """Look a file up in the cache, with no network and nothing written.

    Args:
        known_hash: As for `fetch_file`.
        file_name: As for `fetch_file`.

    Returns:
        `pathlib.Path` of the file if it is in the cache and has the right hash, else None.

    Raises:
        DownloadError: The file is there and cannot be read.
        ValueError: `file_name` is not a plain file name.
    """
    import pooch

    path = cache_folder() / _plain_name(file_name)
    try:
        if not path.is_file():
            return None
        algorithm, _, digest = known_hash.rpartition(":")
        found = pooch.file_hash(str(path), alg=algorithm or "sha256")
    except OSError as error:
        raise DownloadError(_disk_trouble(error, path.parent)) from error
    return path if found.lower() == digest.lower() else None


def fetch_file(url, known_hash, file_name, progress=False):
    """Return a file from the cache, downloading it first where it is missing or damaged.

    A download goes to a temporary file in the cache folder, is checked against the hash, and only
    then takes its name. A file that already has the right hash is returned with no network and
    nothing written. With COURSE_OFFLINE=1 in the environment the network is never used.

    Args:
        url: Address of the file, http or https.
        known_hash: Hash of the file, as "md5:…", "sha256:…" or a bare SHA-256.
        file_name: Name of the file in the cache: no folders.
        progress: Show a progress bar.

    Returns:
        `pathlib.Path` of the whole file.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, a wrong hash, a
            cache folder that cannot be written, a full disk.
        ValueError: `file_name` is not a plain file name.
    """
    import pooch

    path = cached_file(known_hash, file_name)
    if path is not None:
        return path
    _refuse_if_offline(url)
    folder = cache_folder()

    def downloader(url, output_file, _):
        _save(url, output_file, file_name, progress)

    try:
        _remove_leftovers()
        with _quiet(pooch.get_logger()):
            path = pooch.retrieve(
                url, known_hash, fname=file_name, path=folder, downloader=downloader
            )
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(_disk_trouble(error, folder)) from error
    except ValueError as error:  # how pooch reports a wrong hash
        raise DownloadError(
            f"Could not download {_shorten(url)}: what arrived is not the file expected (its hash "
            f"is not {known_hash}) and was thrown away. Try again; if that does not help, the file "
            "has changed at its source, or something on the way replaces it."
        ) from error
    return Path(path)


def fetch_bytes(url, max_bytes):
    """Download a small file into memory, in a bounded time.

    Args:
        url: Address of the file, http or https.
        max_bytes: Largest size accepted.

    Returns:
        The file as `bytes`, never empty.

    Raises:
        DownloadError: No network, no answer in time, an error from the server, a refused redirect,
            more than `max_bytes`.
    """
    with contextlib.closing(_stream(url, max_bytes, TOTAL_SECONDS)) as items:
        next(items)  # the announced size
        return b"".join(items)


def _plain_name(file_name):
    if (
        not isinstance(file_name, str)
        or file_name in ("", ".", "..")
        or any(character in file_name for character in "/\\:\0")
    ):
        raise ValueError(f"file_name must be a plain file name without folders, got {file_name!r}.")
    return file_name


def _refuse_if_offline(url):
    if os.environ.get("COURSE_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(
            f"Could not download {_shorten(url)}: the environment variable COURSE_OFFLINE is set, "
            "so the network is not used. Unset it to download."
        )


def _remove_leftovers():
    """Delete what killed downloads left behind, in the folder that is ours alone.

    A running download writes to its temporary file all the time: one that has not changed for an
    hour has nobody left who could remove it. COURSE_CACHE may hold other people's files.
    """
    if os.environ.get("COURSE_CACHE"):
        return
    for path in cache_folder().glob("tmp????????"):
        # Another process may have been quicker, and Windows keeps a file that is open.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                path.unlink()


@contextlib.contextmanager
def _quiet(logger):
    """Keep pooch from printing the cache's path into a notebook."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _save(url, output_file, title, progress):
    """Download `url` to the path `output_file`."""
    from tqdm.auto import tqdm

    with (
        contextlib.closing(_stream(url, MAX_FILE_BYTES)) as items,
        open(output_file, "wb") as file,
        tqdm(
            total=next(items), desc=title, unit="B", unit_scale=True, disable=not progress
        ) as progress_bar,
    ):
        for chunk in items:
            if file.tell() == 0 and chunk.lstrip()[:14].lower().startswith((b"<!doc", b"<html")):
                raise DownloadError(
                    f"Could not download {_shorten(url)}: a web page came instead of the file. "
                    + _CHECK_NETWORK
                )
            file.write(chunk)
            progress_bar.update(len(chunk))
    os.chmod(output_file, 0o644)  # temporary files are private; a shared cache must be readable


def _stream(url, max_bytes, total_seconds=math.inf):
    """Yield the size the server announces (None if it doesn't), then the body in chunks.

    The request runs in a thread of its own: a system call that hangs, such as the resolver's,
    cannot be interrupted, but it need not be waited for.
    """
    _refuse_if_offline(url)
    items = queue.Queue(maxsize=8)
    abandoned = threading.Event()
    threading.Thread(
        target=_feed, args=(url, max_bytes, items, abandoned), name="download", daemon=True
    ).start()
    deadline = time.monotonic() + total_seconds
    try:
        while (item := _next_item(url, items, deadline)) is not None:
            yield item[0]
    finally:
        abandoned.set()
        with contextlib.suppress(queue.Empty):
            while True:  # makes room, should the thread wait for it
                items.get_nowait()


def _next_item(url, items, deadline):
    """Wait for a one-tuple with the next part of a download, or None at its end."""
    left = deadline - time.monotonic()
    try:
        item = items.get(timeout=max(0, min(STALL_SECONDS, left)))
    except queue.Empty:
        waited = (
            "it took too long"
            if left < STALL_SECONDS
            else f"nothing came for {STALL_SECONDS:g} seconds"
        )
        raise DownloadError(
            f"Could not download {_shorten(url)}: time-out, {waited}. {_CHECK_NETWORK}"
        ) from None
    if isinstance(item, Exception):
        message = _network_trouble(url, item)
        if message is None:
            raise item
        raise DownloadError(message) from item
    return item


def _feed(url, max_bytes, items, abandoned):
    """Put the parts of a download into a queue, each in a one-tuple, then None or the error."""
    try:
        with contextlib.closing(_request(url, max_bytes)) as parts:
            for part in parts:
                items.put((part,))
                if abandoned.is_set():
                    return
        items.put(None)
    except Exception as error:  # raised again by the thread that waits
        items.put(error)


def _request(url, max_bytes):
    """Yield the announced size, then the chunks of the body, checking the sizes."""
    import requests

    with requests.Session() as session, _open(session, url) as response:
        announced = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        size = int(announced) if announced.isdecimal() and not encoded else None
        _check_size(url, size or 0, max_bytes)
        yield size
        received = 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            received += len(chunk)
            _check_size(url, received, max_bytes)
            yield chunk
    if received == 0:
        raise DownloadError(f"Could not download {_shorten(url)}: the server sent an empty file.")
    if size is not None and received != size:
        raise DownloadError(_cut_short(url))


def _open(session, url):
    """Send the request and follow redirects, each of them checked.

    Returns:
        `requests.Response` with status 200, its body not yet read.
    """
    first = url
    _check_address(first)
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(
            url,
            headers=_HEADERS,
            stream=True,
            allow_redirects=False,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )
        if response.status_code == 200:
            return response
        response.close()
        target = response.headers.get("Location")
        if response.status_code not in _REDIRECT_CODES or not target:
            raise DownloadError(_bad_status(url, response))
        # Header bytes arrive decoded as Latin-1, whereas addresses are UTF-8.
        target = urljoin(url, target.encode("latin-1", "replace").decode("utf-8", "replace"))
        _check_address(target, came_from=first)
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise DownloadError(
                f"Could not download {_shorten(first)}: it leads from https to plain http "
                f"({_shorten(target)}), which anyone on the way can change. "
                "Use another source for this file."
            )
        url = target
    raise DownloadError(
        f"Could not download {_shorten(first)}: more than {MAX_REDIRECTS} redirects. "
        "Check the address in a browser."
    )


def _check_address(url, came_from=None):
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:  # for example a bracket that is not closed
        good = False
    if not good:
        leads = "" if came_from is None else f"it leads to {_shorten(url)}, "
        raise DownloadError(
            f"Could not download {_shorten(came_from or url)}: {leads}not an http or https "
            "address. An address looks like https://host/path."
        )


def _check_size(url, size, max_bytes):
    if size > max_bytes:
        raise DownloadError(
            f"Could not download {_shorten(url)}: it is larger than the {max_bytes / 1e6:g} MB "
            "allowed. Use a smaller file."
        )


def _bad_status(url, response):
    code = response.status_code
    if code in (404, 410):
        advice = "There is no such file: check the address."
    elif code == 429 or code >= 500:
        advice = "The server has trouble or is busy: try again later."
    else:
        advice = "The server does not give this file out: check the address in a browser."
    reason = f" {response.reason}" if response.reason else ""
    return f"Could not download {_shorten(url)}: the server answered {code}{reason}. {advice}"


def _cut_short(url):
    return (
        f"Could not download {_shorten(url)}: the connection broke before the end of the file. "
        "Try again."
    )


def _network_trouble(url, error):
    """Say in words what went wrong in a request; None for errors that speak for themselves."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    # Of a time-out within the body, requests makes a ConnectionError.
    cause = error.args[0] if error.args else None
    if isinstance(error, DownloadError):
        return None
    if isinstance(error, requests.exceptions.SSLError):
        reason = "the server cannot prove that it is the one asked for (its TLS certificate)"
    elif isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        reason = f"time-out, the server sent nothing for {READ_SECONDS:g} seconds"
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        return _cut_short(url)
    elif isinstance(error, requests.ConnectionError):
        reason = f"no connection to the server '{urlsplit(url).hostname}'"
    elif isinstance(error, (OSError, ValueError, HTTPError)):  # requests' own, odd host names
        return f"Could not download {_shorten(url)}: {_shorten(error)}. Check the address."
    else:
        return None
    return f"Could not download {_shorten(url)}: {reason}. {_CHECK_NETWORK}"


def _disk_trouble(error, folder):
    """Say in words why the cache folder could not be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk with the cache folder '{folder}' is full. Free some space, {_OTHER_CACHE}"
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        problem = "a file stands where a folder should be. Move it away"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        # pooch raises one of its own, with a sentence about a temporary file and no strerror.
        reason = error.strerror or os.strerror(errno.EACCES)
        problem = f"{reason}. Ask for the right to use it"
    else:
        problem = f"{error.strerror or error}. Check the folder"
    return f"The cache folder '{folder}' cannot be used: {problem}, {_OTHER_CACHE}"


def _shorten(text):
    text = str(text)
    return text if len(text) <= 200 else text[:150] + "…" + text[-40:]
