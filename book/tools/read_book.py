"""The built book goes in; a browser shows it, from a small server on this computer.

    python -m book.tools.read_book [PORT]       until Control+C; any free port by default

A page opened as a file wouldn't do: browsers don't let it load the explorers' scripts. If
BROWSER=no is in the environment, or there is no browser here, the address is only printed.
"""

import contextlib
import os
import sys
import threading
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build/book"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def main(arguments):
    """Serve the book until Control+C."""
    port = int(arguments[0]) if arguments else 0
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=FOLDER))
    except OSError as error:
        sys.exit(f"Port {port} can't be used ({error.strerror}). Choose another one.")
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"The book is at {address} until you press Control+C here.", flush=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    with contextlib.suppress(KeyboardInterrupt):
        if os.environ.get("BROWSER") == "no" or not webbrowser.open(address):
            print("Open it in your browser.", flush=True)
        serving.join()


if __name__ == "__main__":
    main(sys.argv[1:])
