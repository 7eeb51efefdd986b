"""A web server on this computer, with good and bad manners, for the tests of downloads."""

import contextlib
import http.server
import threading
import time


class Site:
    """A running server."""

    def __init__(self):
        self.url = ""  # its address, without a slash at the end
        self.pages = {}  # {path: answer}; an answer is a function that gets the request's handler
        self.hits = []  # paths asked for so far

    def add(self, path, answer):
        """Answer to `path` from now on, and return its full address."""
        self.pages[path] = answer
        return self.url + path


@contextlib.contextmanager
def serve():
    """Run a `Site`."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # the name that http.server calls
            site.hits.append(self.path)
            with contextlib.suppress(ConnectionError):  # the client may hang up
                site.pages.get(self.path, status(404))(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.block_on_close = False  # one may still be silent
        site.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield site
        server.shutdown()


def send(content, announced=None):
    """Answer with 200 and these bytes, whatever length is announced."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(announced or len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code):
    """Answer with an error page."""
    return lambda handler: handler.send_error(code)


def silence(handler):
    """Accept the request and say nothing."""
    time.sleep(60)
