"""Sphinx's settings for the web book; `make book` uses them."""

import re
from pathlib import Path

BOOK = Path(__file__).parent

project = re.search(r"^# (.+)$", (BOOK / "index.md").read_text(encoding="utf-8"), re.M)[1]
extensions = ["myst_nb", "sphinx_copybutton"]
templates_path = ["_templates"]

nb_execution_mode = "off"  # the chapters come with their outputs
nb_render_markdown_format = "myst"  # chapter 5 prints a table
nb_code_prompt_show, nb_code_prompt_hide = "Show the {type}", "Hide the {type}"
myst_enable_extensions = ["attrs_block", "attrs_inline", "dollarmath"]
myst_dmath_double_inline = True
myst_url_schemes = {  # step: leads from a lecturer's page to a place in its chapter
    **dict.fromkeys(("http", "https", "mailto")),
    "step": "../../{{path}}.html#{{fragment}}",
}

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_use_index = False
html_permalinks_icon = "#"
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_persistent": [],  # search is in the side bar
    "use_download_button": False,  # the notebook's is under the title
    "use_fullscreen_button": False,
    "back_to_top_button": False,
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": (
        "Code: MIT. Text and pictures: "
        '<a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>. '
        '<a href="notice.html">What is not ours</a> has licenses of its own.'
    ),
    "toc_title": "On this page",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# MathJax and its font stand beside the pages.
mathjax_path = "mathjax/tex-chtml.js"
mathjax4_config = {"loader": {"paths": {"mathjax-newcm": "[mathjax]/../mathjax-newcm-font"}}}

copybutton_selector = "div.cell_input pre, .bd-article > section div.highlight-python pre"


def mend_page(app, pagename, templatename, context, doctree):
    """Name folded cells by what is written on them; let the footer's link start from the page."""
    footer = app.config.html_theme_options["extra_footer"]
    notice = context["pathto"]("notice")
    context["theme_extra_footer"] = footer.replace('"notice.html"', f'"{notice}"')
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", mend_page)
