"""What the tests of the book share: the embedded network, and a server of its files."""

import http.server
import threading
from pathlib import Path

import pytest

import course_utils as cu

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def embedded():
    """The embedded EfficientNet-Lite0 with its ImageNet weights."""
    return cu.load_classifier("embedded")


@pytest.fixture(scope="session")
def axe():
    """The script that finds what some readers cannot use."""
    return (ROOT / "build/npm/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):  # the name that http.server calls
        self.server.hits.append(self.path)
        if self.path not in self.server.broken:
            return super().do_GET()
        content = (self.server.folder / self.path[1:]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def serve():
    """A function that serves a folder; the server remembers `hits`, and cuts `broken` paths off."""
    servers = []

    def start(folder):
        def handler(*arguments):
            return _Handler(*arguments, directory=folder)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.folder, server.hits, server.broken = folder, [], set()
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
