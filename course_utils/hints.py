"""Says which cell to run first when a cell uses a name that no cell has made yet."""

import json
import os
import re
import symtable
from typing import Any

_RUN = "Run > Run All Above Selected Cell (on Colab: Runtime > Run before) runs all that it needs."


def show_hints(shell: Any) -> None:
    """Show a hint under every NameError of a cell, from now on."""
    # IPython has room for one handler: Colab's own, for failed imports, must go on working.
    others, show_other = shell.custom_exceptions, shell.CustomTB

    def show(shell, kind, error, traceback, tb_offset=None):
        if not issubclass(kind, NameError):
            return show_other(kind, error, traceback, tb_offset=tb_offset)
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        if error.name and error.name not in shell.user_ns:
            print(missing_name_hint(error.name, _cells(shell)))

    shell.set_custom_exc((NameError, *others), show)


def missing_name_hint(name: str, cells: list) -> str:
    """Say where a name is made.

    Args:
        name: str.
        cells: List of a notebook's cells as dicts with "cell_type" and "source"; empty where the
            notebook is not known, as on Colab.

    Returns:
        One sentence about the cell, and one about what to do; without the cell, where none of
        `cells` makes the name.
    """
    heading = None
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = (re.findall(r"^#+ +(.+)", source, re.MULTILINE) or [heading])[-1]
        elif cell["cell_type"] == "code" and name in _names_made(source):
            first = next(line for line in source.splitlines() if line.strip())
            under = f', under "{heading}"' if heading else ""
            return f"'{name}' is made in the cell that begins with `{first}`{under}. {_RUN}"
    return f"If '{name}' is made in a cell further up, that cell has not been run. {_RUN}"


def _names_made(source):
    """Return the names that a cell assigns, defines or imports."""
    code = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)  # IPython's own lines
    try:
        table = symtable.symtable(code, "cell", "exec")
    except SyntaxError:  # of a student's cell, about which nothing is known
        return set()
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def _cells(shell):
    """Return the cells of the notebook as it was saved last, where its file is known."""
    path = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__") or ""
    if not (path.endswith(".ipynb") and os.path.isfile(path)):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)["cells"]
