"""`make read`: the built book on a server of this computer."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests

ROOT = Path(__file__).parents[2]


def test_the_book_is_served_until_control_c_and_its_address_printed(tmp_path):
    (tmp_path / "index.html").write_text("<title>The book</title>")
    code = f"from book.tools import read_book as r; r.FOLDER = {str(tmp_path)!r}; r.main([])"
    environment = os.environ | {"BROWSER": "no", "NO_PROXY": "*"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        address = re.search(r"http://\S+", run.stdout.readline())[0]
        assert run.stdout.readline() == "Open it in your browser.\n"
        assert "The book" in requests.get(address, proxies={"http": ""}, timeout=60).text
        port = address.rstrip("/").rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "book.tools.read_book", port],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert f"Port {port} can't be used" in second.stderr
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 0
