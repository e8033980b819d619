"""Compare a reading with an independent second reading of the same file, and find the words that it lost.

Each format whose structure can be read in a second way has a function in `SECOND_READINGS` that returns the texts of
the file paragraph by paragraph with simple means: the text nodes of the XML parts, the text that a second HTML parser
finds, the cells of a CSV file. It must not share code with the reader that it checks.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from pipeline.backends.documents import sniffing
from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.epub import read_epub_texts
from pipeline.backends.documents.second_readings.html import read_html_texts
from pipeline.backends.documents.second_readings.markdown import read_markdown_texts
from pipeline.backends.documents.second_readings.open_sheets import read_ods_texts
from pipeline.backends.documents.second_readings.opendocument import read_odt_texts
from pipeline.backends.documents.second_readings.records import (
    read_code_cells,
    read_cues,
    read_json_values,
    read_lines,
    read_mail_text,
)
from pipeline.backends.documents.second_readings.sheets import read_xlsx_texts
from pipeline.backends.documents.second_readings.slides import read_pptx_texts
from pipeline.backends.documents.second_readings.word import read_docx_texts
from pipeline.parse import Element
from pipeline.text.cleaning import clean_text
from pipeline.text.markdown import drop_link_targets

SecondReading = Callable[[File], Iterable[str]]

SECOND_READINGS: Mapping[str, SecondReading] = {
    sniffing.DOCX: read_docx_texts,
    sniffing.ODT: read_odt_texts,
    sniffing.EPUB: read_epub_texts,
    sniffing.HTML: read_html_texts,
    sniffing.MARKDOWN: read_markdown_texts,
    sniffing.XLSX: read_xlsx_texts,
    sniffing.ODS: read_ods_texts,
    sniffing.PPTX: read_pptx_texts,
    sniffing.CSV: read_lines,
    sniffing.TSV: read_lines,
    sniffing.PLAIN: read_lines,
    sniffing.CODE: read_lines,
    sniffing.JSON: read_json_values,
    sniffing.JSON_LINES: read_json_values,
    sniffing.NOTEBOOK: read_code_cells,
    sniffing.SUBTITLES: read_cues,
    sniffing.EML: read_mail_text,
}
"""The second reading of each media type that has one."""

_PUNCTUATION = "!\"#$'()*,./:;?@[\\]^_`{|}~"
_UNITS = re.compile(r"[^\W_]+|[&<>=+%°−-]")


def count_units(text: str) -> Counter[str]:
    """Count words, numbers and the characters `& < > = + - % °`, without case, ligatures and link targets."""
    text = drop_link_targets(text)
    if text.isascii():
        return Counter(_UNITS.findall(text.lower()))
    return Counter(_UNITS.findall(unicodedata.normalize("NFKC", text).casefold()))


def _split_words(text: str) -> list[str]:
    """Split a text without punctuation and rules of tables."""
    text = text.replace(" --- |", "")
    for character in _PUNCTUATION:  # `str.translate` is slow for texts that are not ASCII
        text = text.replace(character, " ")
    return text.split()


def _is_complete(read: str, expected: str) -> bool:
    """Return whether a reading contains the units of the other one; those of words in both are not counted."""
    read_words, expected_words = _split_words(read), _split_words(expected)
    if read_words == expected_words:
        return True
    found, wanted = Counter(read_words), Counter(expected_words)
    lacking = " ".join((wanted - found).elements())
    return not lacking or count_units(lacking) <= count_units(" ".join((found - wanted).elements()))


def find_missing_texts(second: Iterable[str], elements: Sequence[Element]) -> list[str]:
    """Return those texts of the second reading of which the elements lack words.

    A word counts as often as it occurs. Texts are compared in order, so that a missing repetition is found as well.
    """
    texts = list(second)
    read = drop_link_targets(clean_text("\n".join(element.text for element in elements)))
    if _is_complete(read, drop_link_targets(clean_text("\n".join(texts)))):
        return []
    available = count_units(read)
    missing: list[str] = []
    for text in texts:
        units = count_units(clean_text(text))
        if any(available[unit] < count for unit, count in units.items()):  # comparing counters takes all words
            missing.append(text)
            continue
        available.subtract(units)
    return missing
