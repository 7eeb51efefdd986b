"""Take packages from npm for the book: at a pinned version, and only if their hash is right.

They are listed in book/packages.toml. A fetched package stays in build/npm/, so that a second
build needs neither npm nor a network.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "build/npm"


class Package(NamedTuple):
    """A row of book/packages.toml."""

    name: str
    version: str
    integrity: str  # npm's: "sha512-" and the hash in base 64
    files: tuple = ()  # patterns; one that ends in / takes a whole folder
    to: str | None = None  # folder of the site


class PackageError(Exception):
    """A package cannot be had; the message is one sentence for the reader of the build."""


def read_packages(root=ROOT):
    """Return {name: `Package`}."""
    text = (root / "book/packages.toml").read_text(encoding="utf-8")
    return {row["name"]: Package(**row) for row in tomllib.loads(text)["package"]}


def fetch(package, store=STORE):
    """Return the path of a package's archive, which is fetched unless it is there already.

    Raises:
        PackageError: There is no npm, no network, or the archive has another hash.
    """
    path = store / f"{package.name.replace('/', '+')}-{package.version}.tgz"
    if not path.exists() or integrity(path) != package.integrity:
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store) as folder:
            fetched = _pack(package, Path(folder))
            if (found := integrity(fetched)) != package.integrity:
                raise PackageError(
                    f"npm's {package.name} {package.version} has the hash {found}, "
                    f"not {package.integrity} as in book/packages.toml."
                )
            os.replace(fetched, path)
    return path


def integrity(path):
    """Return a file's hash as npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def copy_files(package, archive, site):
    """Copy those files of a package that its row names into the site; returns their number.

    Raises:
        PackageError: A pattern fits no file.
    """
    missing = set(package.files)
    number = 0
    with tarfile.open(archive) as members:
        for member in members:
            name = member.name.partition("/")[2]  # npm's archives hold one folder, "package"
            found = {pattern for pattern in package.files if _fits(name, pattern)}
            if found and member.isfile():
                target = site / package.to / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with members.extractfile(member) as source, open(target, "wb") as file:
                    shutil.copyfileobj(source, file)
                missing -= found
                number += 1
    if missing:
        raise PackageError(f"{package.name} {package.version} has no file {sorted(missing)[0]!r}.")
    return number


def read_file(package, name, store=STORE):
    """Return the bytes of one file of a package."""
    with tarfile.open(fetch(package, store)) as members:
        return members.extractfile(f"package/{name}").read()


def _fits(name, pattern):
    return name.startswith(pattern) if pattern.endswith("/") else fnmatchcase(name, pattern)


def _pack(package, folder):
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            f"The book takes {package.name} from npm, which is not installed here: "
            "install Node.js (nodejs.org), which brings npm, and try again."
        )
    command = [npm, "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if run.returncode or not (archives := list(folder.glob("*.tgz"))):
        reason = (run.stderr or run.stdout).strip().splitlines() or ["no message"]
        raise PackageError(
            f"npm could not fetch {package.name} {package.version} (is there a network?): "
            f"{reason[-1]}"
        )
    return archives[0]
