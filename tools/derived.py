"""Files as they should be go in; those that differ are written, or named as stale."""


def write(root, files, orphans=()):
    """Write the files, {path: bytes}, that have changed, remove the orphans; say which."""
    for path, contents in files.items():
        if not path.exists() or path.read_bytes() != contents:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
            print(f"{path.relative_to(root)}: written")
    for path in orphans:
        path.unlink()
        print(f"{path.relative_to(root)}: removed")


def findings(root, files, orphans, remedy):
    """Return a line for each file, {path: bytes}, that is stale, and for each orphan."""
    stale = [p for p, contents in files.items() if not p.exists() or p.read_bytes() != contents]
    return [
        *(f"{path.relative_to(root)}: stale; {remedy}" for path in stale),
        *(f"{path.relative_to(root)}: has no source; {remedy}" for path in orphans),
    ]
