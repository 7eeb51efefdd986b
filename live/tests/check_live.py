"""A lecturer's dry run: two chapters typed into their live notebooks; `make test-browser` runs it.

The code comes from the lecturer's page, as in a class; so does what must appear.
"""

import re
import shutil

import nbformat
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from live.tools.lessons import is_given
from tools.browser import (
    ROOT,
    chromium,
    console_errors,
    jupyter_lab,
    open_notebook,
    wait_until,
)

CELLS = "const cells = jupyterapp.shell.currentWidget.content.widgets; "
SOURCE = CELLS + "return cells[arguments[0]].model.sharedModel.source"
ENDED = CELLS + "return /\\d/.test(cells[arguments[0]].inputArea.promptNode.textContent)"
ERRORS = (
    CELLS + "return cells[arguments[0]].outputArea.node"
    ".querySelectorAll('[data-mime-type*=stderr], [data-mime-type*=error]').length"
)
# What the class reads: a cell's output and, below a picture, its caption.
SHOWN = (
    CELLS + "const [at] = arguments, area = cells[at].outputArea.node;"
    "const below = area.querySelector('img') ? cells[at + 1].node.textContent : '';"
    "const shown = area.textContent + below.replaceAll('\\n', ' '); return shown"
)
LINE = (
    CELLS + "const editor = cells[arguments[0]].editor;"
    "return editor.getLine(editor.getCursorPosition().line)"
)


def read_page(chapter):
    """Yield (code to type or "", what must appear) for each step of the lecturer's page."""
    text = (ROOT / "live/pages" / f"{chapter}.md").read_text(encoding="utf-8")
    for step in text.split("\n### ")[1:]:
        code = re.search(r"```python\n(.*?)\n```", step, re.DOTALL)
        must = re.search(r"\*\*Must appear:\*\* (.*)", step)
        yield code[1] if code else "", re.findall("`(.+?)`", must[1]) if must else []


def press(page, *keys):
    ActionChains(page).send_keys(*keys).perform()


def run(page):
    """Run the cell that has the focus, and go on to the next one."""
    ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()


def type_below(page, at, code):
    """Type code below the prompt of cell `at`, as a person does: line by line.

    The editor indents a new line, and closes brackets and quotes; typed once more, these are
    stepped over.
    """
    press(page, Keys.ENTER)
    ActionChains(page).key_down(Keys.CONTROL).send_keys(Keys.END).key_up(Keys.CONTROL).perform()
    for line in code.splitlines():
        press(page, Keys.ENTER)
        text = line.lstrip()
        lacking = len(line) - len(text) - len(page.execute_script(LINE, at))
        press(page, " " * lacking if lacking > 0 else Keys.BACKSPACE * (-lacking // 4), text)


@pytest.mark.parametrize("chapter", ["04_1_grad_cam", "08_your_own_network"])
def test_a_chapter_typed_from_the_lecturers_page(tmp_path, chapter):
    path = tmp_path / "live" / f"{chapter}.ipynb"
    path.parent.mkdir()
    shutil.copy(ROOT / "live" / path.name, path)
    cells, steps = nbformat.read(path, nbformat.NO_CONVERT).cells, read_page(chapter)
    with (
        jupyter_lab(path.parent, tmp_path / "home") as address,
        chromium(tmp_path / "profile") as page,
    ):
        open_notebook(page, address, path.name)
        press(page, Keys.ESCAPE)
        for at, cell in enumerate(cells):
            if cell.cell_type != "code":
                run(page)
                continue
            code, must = ("", []) if is_given(cell) else next(steps)
            if code:
                type_below(page, at, code)
                assert page.execute_script(SOURCE, at) == f"{cell.source}\n{code}"
            run(page)
            wait_until(page, ENDED, at)
            assert not page.execute_script(ERRORS, at), page.execute_script(SHOWN, at)
            for text in must:
                wait_until(page, f"{SHOWN}.includes({text!r})", at, seconds=20)
        assert next(steps, None) is None
        assert console_errors(page) == []
