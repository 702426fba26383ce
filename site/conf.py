"""How Sphinx builds the site from a copy of this folder, which tools/pages.py has completed."""

import os
import re

import sphinx.search
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

from tools.translations import LOCALE, sayer

extensions = ["myst_nb", "sphinx_copybutton"]
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_extra"]
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_extra_path = ["_extra"]
templates_path = ["_templates"]
html_context = {"default_mode": "auto"}
html_css_files = ["twins.css", "furnace.css"]
html_js_files = [("view.js", {"loading_method": "", "priority": 10})]
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_sidebars = {"**": []}
html_theme_options = {
    "navbar_start": ["navbar-logo"],
    "navbar_persistent": ["view-switch", "language-switch", "search-button"],
    "header_links_before_dropdown": 3,
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc", "downloads"], "index": []},
}
if repository := os.environ.get("GITHUB_REPOSITORY"):  # set where GitHub builds the site
    html_theme_options["github_url"] = f"https://github.com/{repository}"


class SearchPairs(SearchChinese):
    """Chinese words of any length are found: the index holds pairs of neighbouring characters."""

    language_name = "English"  # the stemmer's: Sphinx 9.0 looks for a Chinese one in vain
    js_splitter_code = r"""
var splitQuery = (query) => (query.match(/\p{Script=Han}+|[\w]+/gu) ?? []).flatMap((word) =>
  /\p{Script=Han}{3}/u.test(word) ? [...word].slice(1).map((next, i) => word[i] + next) : [word]);
"""

    def split(self, input: str) -> list[str]:
        """Return the words in Latin letters and every pair of neighbouring Chinese characters."""
        return re.findall(r"[A-Za-z0-9_]+", input) + re.findall(r"(?=([\u4e00-\u9fff]{2}))", input)


sphinx.search.languages["zh"] = SearchPairs


def name_twins(app: Sphinx, doctree: nodes.document) -> None:
    """Give a framework's code cells the classes of its words, headings ids unlike the cells'."""
    for section in doctree.findall(nodes.section):
        section["ids"] = [f"section-{each}" for each in section["ids"]]
    for box in doctree.findall(nodes.container):
        box["classes"] = [each.removeprefix("tag_") for each in box["classes"]]


def page_context(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Tell the templates which notebooks a page is made of, and how to say a thing."""
    context["chinese"] = app.config.language == LOCALE
    context["say"] = sayer("site") if context["chinese"] else str
    context["pair"] = page if page[:2].isdigit() else ""
    context["repository"] = repository


def setup(app: Sphinx) -> None:
    """Connect the two functions above; one word of the theme's is an option."""
    say = sayer("site") if app.config.language == LOCALE else str
    html_theme_options["header_dropdown_text"] = say("More")
    app.connect("doctree-read", name_twins, priority=100)  # before the contents are listed
    app.connect("html-page-context", page_context)
