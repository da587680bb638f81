"""Sphinx's configuration for the book of executed notebooks.

`cargo xtask book` runs Sphinx once for the start page and once for each language. `book_part` says which of them it is.
"""

import base64
import gettext
import hashlib
import html
import logging
import posixpath
import re
from functools import partial
from pathlib import Path

import ziamath
from docutils import nodes
from fontTools import subset
from latex2mathml.converter import convert
from myst_parser.sphinx_ext.myst_refs import MystReferenceResolver
from sphinx.addnodes import pending_xref
from sphinx.search import SearchLanguage
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = {"en": "English", "ja": "日本語"}
# The texts of the theme that Sphinx does not translate.
JAPANESE = {
    "Next": "次へ",
    "Previous": "前へ",
    "Home": "目次",
    "On this page": "このページの内容",
    "Back to top": "ページの先頭へ",
    "Skip to content": "本文へ",
    "Made with ": "作成: ",
}

project = "gasshuku"
html_title = "gasshuku"
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# The notebooks are executed already.
nb_execution_mode = "off"
nb_merge_streams = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
templates_path = ["templates"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
html_math_renderer = "mathml"


class Links(SphinxPostTransform):
    """Resolves links to pages of another part and to files of the repository."""

    # Before the transform that warns of links without a target.
    default_priority = MystReferenceResolver.default_priority - 1

    def run(self, **_):
        for link in list(self.document.findall(pending_xref)):
            if link["reftype"] != "myst" or link["refdomain"] == "doc":
                continue
            target, hash_sign, anchor = link["reftarget"].partition("#")
            path = posixpath.normpath(posixpath.join(folder(self.config, self.env.docname), target))
            if not target or not (ROOT / path).is_file():
                continue
            address = self.address(path)
            text = link[0].deepcopy()
            if address:
                text = nodes.reference("", "", text, refuri=address + hash_sign + anchor)
            link.replace_self(text)

    def address(self, path):
        """The URL of a file of the repository. None if the repository's address is not known."""
        if page := re.fullmatch(r"notebooks/((?:en|ja)/\w+)\.ipynb", path):
            up = "" if self.config.book_part == "start" else "../"
            return f"{up}{page.group(1)}.html"
        if path == "notebooks/welcome.md":
            return "../index.html"
        repository = self.config.book_repository
        return f"{repository}/blob/HEAD/{path}" if repository else None


def folder(config, page):
    """The folder of the repository that contains a page's source."""
    part = config.book_part
    is_above = part == "start" or page == "facilitators"
    return "notebooks" if is_above else f"notebooks/{part}"


class Pictures(SphinxPostTransform):
    """Moves pictures from the outputs to files, which a browser loads when they come into view, and labels figures.

    Page 7 has 0.1 MB instead of 2.4 MB. A search also loads each page that it finds.
    """

    default_priority = 900
    data = re.compile(r'src="data:image/(svg|png)(?:\+xml)?;base64,([^"]+)"')
    figure = re.compile(r"<svg(?![^>]*\brole=)(?P<attributes>[^>]*)>(?P<content>.*?)</svg>", re.DOTALL)

    def run(self, **_):
        for output in list(self.document.findall(nodes.raw)):
            text = self.data.sub(self.file, output.astext())
            text = self.figure.sub(partial(self.labelled, output), text)
            output.children = [nodes.Text(text)]

    def file(self, found):
        ending, data = found.groups()
        content = base64.b64decode(data)
        name = f"_images/{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
        path = Path(self.app.outdir, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        # The height keeps the page from jumping when the picture is loaded.
        height = re.match(rb'<svg[^>]* height="(\d+)"', content)
        height = f' height="{height.group(1).decode()}"' if height else ""
        return f'src="{name}" loading="lazy"{height}'

    def labelled(self, output, found):
        section = output.parent
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        title = section.next_node(nodes.title).astext() if section is not None else project
        label = html.escape(figure_label(found["content"], title))
        return f'<svg{found["attributes"]} role="img" aria-label="{label}">{found["content"]}</svg>'


def figure_label(svg, title):
    """What a screen reader says of a figure that plotters has drawn: its caption, else the title of its section.

    The caption is the text with the largest letters. A figure of several charts has several captions.
    """
    texts = re.findall(r'<text[^>]* font-size="([\d.]+)"[^>]*>\s*([^<]*?)\s*</text>', svg)
    largest = max((float(size) for size, _ in texts), default=0)
    captions = [html.unescape(text) for size, text in texts if float(size) == largest]
    if len(captions) == 1:
        return captions[0]
    return f"{title}: {', '.join(captions)}" if captions else title


class Japanese(SearchLanguage):
    """Indexes every two neighbouring characters as a word, and splits queries in the same way.

    Sphinx's own class splits the pages into words, but not the query: 混同行列, 訓練データ and 正解率 were not found, nor
    half of twenty such words.
    """

    lang = "ja"
    language_name = "Japanese"
    # Kana and kanji; all other characters.
    script = r"[\u3005\u3040-\u30ff\u3400-\u9fff]+"
    other = r"[^\u3005\u3040-\u30ff\u3400-\u9fff]+"
    js_splitter_code = r"""
function splitQuery(query) {
  const words = query.split(/[^\p{Letter}\p{Number}_]+/gu).filter((word) => word);
  const runs = words.flatMap((word) => word.match(/SCRIPT|OTHER/g));
  return runs.flatMap((run) =>
    run.length === 1 || !/SCRIPT/.test(run)
      ? [run]
      : [...run.slice(1)].map((next, place) => run[place] + next),
  );
}
""".replace("SCRIPT", script).replace("OTHER", other)

    def split(self, text):
        words = []
        for word in re.findall(r"\w+", text):
            for run in re.findall(f"{self.script}|{self.other}", word):
                if re.match(self.script, run):
                    words += [*run, *map("".join, zip(run, run[1:]))]
                else:
                    words.append(run)
        return words


def formula(display):
    """Visitors that write a formula as MathML, which needs no script and no network. display: `inline` or `block`."""

    def visit(writer, node):
        writer.body.append(convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit, None


def write_font(app, exception):
    """Writes a font for formulas. Many telephones have none that knows where an index belongs.

    It has the characters of our formulas only: 58 KB instead of 1.5 MB, loaded by pages with formulas.
    """
    if exception or app.config.book_part not in LANGUAGES:
        return
    characters = [
        *range(0x20, 0x7F),  # ASCII
        *range(0x391, 0x3CA),  # Greek
        *range(0x1D434, 0x1D468),  # italic
        *range(0x1D6E2, 0x1D71C),  # Greek, italic
        *range(0x2190, 0x2300),  # arrows, operators
        *map(ord, "±·×ℎ′…"),
    ]
    logging.getLogger("fontTools").setLevel("WARNING")
    options = subset.Options(flavor="woff2")
    complete = Path(ziamath.__file__).parent / "fonts/STIXTwoMath-Regular.ttf"
    font = subset.load_font(str(complete), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    subset.save_font(font, str(Path(app.outdir, "_static/formulas.woff2")), options)


def add_links(app, page, template, context, doctree):
    """Tells the template the page in the other language, and the services that can run its notebook."""
    part = app.config.book_part
    context["languages"] = [
        (language, name, f"../{language}/{page}.html")
        for language, name in LANGUAGES.items()
        if part in LANGUAGES and language != part
    ]
    notebook = f"{folder(app.config, page)}/{page}.ipynb"
    is_notebook = (ROOT / notebook).is_file()
    context["places"] = places(app.config.book_repository, notebook) if is_notebook else []


def turn_off_highlighting(app, page, template, context, doctree):
    """Sphinx highlights the words of the query. In Japanese these would be every two characters of it."""
    if app.config.language == "ja" and page != "search":
        context["script_files"] = [
            script
            for script in context["script_files"]
            if "sphinx_highlight" not in str(getattr(script, "filename", script))
        ]


def places(repository, notebook):
    """Services that run the notebooks of a repository on GitHub, and their addresses."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", repository)
    if not found:
        return []
    name = found.group(1)
    return [
        ("Codespaces", f"https://codespaces.new/{name}?quickstart=1"),
        ("Binder", f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/{notebook}"),
    ]


def style_the_start_page(app, config):
    if config.book_part == "start":
        config.html_css_files = [*config.html_css_files, "start.css"]


class Translations(gettext.NullTranslations):
    def gettext(self, message):
        return JAPANESE.get(message, message)


def translate(app):
    if app.config.language == "ja":
        app.translator.add_fallback(Translations())


def setup(app):
    app.add_config_value("book_part", "en", "env")
    app.add_config_value("book_repository", "", "env")
    app.add_html_math_renderer("mathml", formula("inline"), formula("block"))
    app.add_post_transform(Links)
    app.add_post_transform(Pictures)
    app.add_search_language(Japanese)
    app.connect("config-inited", style_the_start_page)
    app.connect("builder-inited", translate)
    app.connect("html-page-context", add_links)
    app.connect("html-page-context", turn_off_highlighting)
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
