"""A web server on this computer, with good and bad manners, for the tests of downloads."""

import contextlib
import http.server
import ssl
import threading
from pathlib import Path

# A certificate for 127.0.0.1 that signs itself, made for these tests and trusted by nobody.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfjCCASSgAwIBAgIBATAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJjb3Vyc2Vf
dXRpbHMgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMB0x
GzAZBgNVBAMMEmNvdXJzZV91dGlscyB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABHYnVpUIoIoeeWaxbmws69+xiQR7VdIXQ+5cUvVznKbuqVziD5hgoT+f
9Y6k/C6qwwUqx4fXWxVbGrqjPMnvytejUzBRMA8GA1UdEQQIMAaHBH8AAAEwDgYD
VR0PAQH/BAQDAgKEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFNAyCbKe0cE9
UozBNiCBViEMAIcnMAoGCCqGSM49BAMCA0gAMEUCIQCno1qcqFDUyNQwpSFwI37g
tuek/VFfq8Hlnz8neLVIPwIgBfmGdSd0cZ59946qj5qho3QxMJDbfsvIJPf3UXr6
+P0=
-----END CERTIFICATE-----
"""
_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDJ0VvaRYiYIlPElf
FNakjvUHp0pQ29ySNg2v2FY9kf6hRANCAAR2J1aVCKCKHnlmsW5sLOvfsYkEe1XS
F0PuXFL1c5ym7qlc4g+YYKE/n/WOpPwuqsMFKseH11sVWxq6ozzJ78rX
-----END PRIVATE KEY-----
"""


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
def serve(tls_folder=None):
    """Run a `Site`; over TLS, with its certificate's files in a folder, where one is given."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # the name that http.server calls
            site.hits.append(self.path)
            self.site = site
            self.close_connection = True
            # The client may hang up in the middle: that is what some tests are about.
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                site.pages.get(self.path, status(404))(self)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_):
            pass  # a client that does not trust the certificate, or hangs up

    server = Server(("127.0.0.1", 0), Handler)
    if tls_folder is not None:
        certificate, key = Path(tls_folder, "certificate.pem"), Path(tls_folder, "key.pem")
        certificate.write_text(CERTIFICATE)
        key.write_text(_KEY)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake belongs in the connection's thread: one that fails must not end the server.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "http" if tls_folder is None else "https"
    site.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def send(content, **headers):
    """Answer with 200 and these bytes. Headers with None are left out."""

    def answer(handler):
        start(handler, {"Content_Length": len(content), **headers})
        handler.wfile.write(content)

    return answer


def start(handler, headers, code=200):
    """Send the status line and the headers, underscores in their names becoming hyphens."""
    handler.send_response(code)
    for name, value in headers.items():
        if value is not None:
            handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def status(code):
    """Answer with an error page."""
    return lambda handler: handler.send_error(code)


def redirect(target, code=302):
    """Send the client elsewhere; to nowhere with None."""
    return lambda handler: start(handler, {"Location": target, "Content_Length": 0}, code)


def half(content, then="close"):
    """Announce all of `content` and send its first half, then close the connection or wait."""

    def answer(handler):
        start(handler, {"Content_Length": len(content)})
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        if then == "wait":
            handler.site.closing.wait(60)

    return answer


def silence(handler):
    """Accept the request and say nothing."""
    handler.site.closing.wait(60)


def no_http(handler):
    """Answer in another protocol."""
    handler.wfile.write(b"220 mail.example ESMTP ready\r\n")
