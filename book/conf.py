"""Sphinx's settings for the web book; `make book` uses them."""

from pathlib import Path

BOOK = Path(__file__).parent

project = (BOOK / "index.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
copyright = "2026 the authors. Code: MIT; text and pictures: CC BY 4.0"
extensions = ["myst_nb", "sphinx_copybutton"]

# The chapters come with their outputs.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_sidebars = {"index": []}
html_theme_options = {
    "use_download_button": False, # the notebook's is under the title
    "use_fullscreen_button": False,
    "search_bar_text": "Search the course",
    "navigation_with_keys": False,
    "back_to_top_button": False,
    "toc_title": "On this page",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# MathJax and its font stand beside the pages.
mathjax_path = "mathjax/tex-chtml.js"
mathjax4_config = {
    "loader": {"paths": {"mathjax-newcm": "[mathjax]/../mathjax-newcm-font"}},
}

copybutton_selector = "div.cell_input div.highlight pre, .bd-article > section div.highlight-python pre"
