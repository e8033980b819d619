"""No shown word of a page is lost: the reader and the second reading agree on the whole corpus."""

from __future__ import annotations

from pipeline.backends.documents.extraction import READERS, _open_file
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.recognition import NoRecogniser
from pipeline.backends.documents.second_readings.html import read_html_texts
from pipeline.backends.documents.second_readings.markdown import read_markdown_texts
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.errors import InvalidInput
from pipeline.parse import Element
from pipeline.types import Source

SUFFIXES = {".html", ".htm", ".xhtml", ".md", ".epub"}


def html_texts(page: str) -> list[str]:
    return [" ".join(text.split()) for text in read_html_texts(File("a.html", b"", "text/html", page))]


def test_html_texts__are_what_is_shown() -> None:
    page = """<title>T</title><style>.old{text-decoration:line-through}</style><nav>menu</nav><p>a<b>b</b> <i>c</i>
    <p hidden>x<p>d <del>e</del><span class=old>f</span>g<ul><li><a href=x>link</a><li>h<sup>2</sup><sup>[1]</sup></ul>
    <script>y</script>"""
    assert html_texts(page) == ["ab c", "d ~~e~~ ~~f~~ g", "h2 1"]


def test_markdown_texts__are_the_words_without_syntax() -> None:
    source = (
        "# A *b*\n\n1. c `<d>` [e](https://x.example)\n\n```\nf = 1\n```\n\n[1]: https://x.example\n\n"
        "| g |\n|---|\n| h |"
    )
    texts = read_markdown_texts(File("a.md", b"", "text/markdown", source))
    assert [text.strip() for text in texts] == ["A b", "c   [e]", "f = 1", "| g |\n\n| h |"]


def test_lost_words__are_added_at_the_end() -> None:
    texts = html_texts("<p>read</p><p>lost ~~</p>")
    assert find_missing_texts(texts, [Element("paragraph", "read")]) == ["lost ~~"]


# Read with a repeated number or a label that the reader counts once more or less; no word of them is missing.
COUNTED_DIFFERENTLY = {"test_wikipedia.html": 1, "test_serp.html": 2}


def test_corpus__the_readers_lose_no_word(shared) -> None:
    lost: dict[str, list[str]] = {}
    paths = [path for name in ("documents", "field") for path in (shared / name).rglob("*") if path.suffix in SUFFIXES]
    assert paths
    for path in paths:
        try:
            file = _open_file(Source(path.name, path.read_bytes()), 0, 50, NoRecogniser())
            reading = READERS[file.media_type](file, _read_no_nested)
        except InvalidInput:
            continue
        missing = find_missing_texts(SECOND_READINGS[file.media_type](file), reading.elements)
        if len(missing) > COUNTED_DIFFERENTLY.get(path.name, 0):
            lost[path.name] = missing
    assert lost == {}


def _read_no_nested(source: Source, depth: int) -> Reading:
    raise AssertionError(source.name)
