"""A web server on this computer, with good and bad manners, for the tests of downloads."""

import contextlib
import http.server
import threading


class Site:
    """A running server.

    Attributes:
        url: Its address, without a slash at the end.
        pages: {path: answer}; an answer is a function that gets the request's handler.
        hits: Paths asked for so far.
        closing: Set when the server stops: what an answer that keeps its client waiting waits for.
    """

    def __init__(self):
        self.url, self.pages, self.hits, self.closing = "", {}, [], threading.Event()

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
            self.site = site
            with contextlib.suppress(ConnectionError):  # the client may hang up
                site.pages.get(self.path, status(404))(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


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
    handler.site.closing.wait(60)
