"""The word-processing files of the test collection: no word is lost, and the facts of the field inputs are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.backends.documents.extraction import READERS, extract
from pipeline.backends.documents.readers.library import run_kreuzberg
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.sniffing import RTF, sniff_binary
from pipeline.backends.documents.verification import SECOND_READINGS, count_units, find_missing_texts
from pipeline.errors import InvalidInput
from pipeline.types import Source

FACTS = {
    "docx-ampersand-less-greater/canteen.docx": ("<combo> costs 7 if quantity > 3 and < 10", "Fish & chips"),
    "docx-tab-hyphen-superscript/canteen.docx": ("Rye bread\t4.20\tdaily", "10³ litres", "Part-time staff"),
    "docx-header-footer-comments/linden_header.docx": ("in force from 1 April 2026", "telephone 0551 7788"),
    "docx-header-footer-comments/choir_comments.docx": ("Comment by Vera: Driver Petersen confirmed",),
    "docx-numbering-lost/rowing_numbered.docx": ("4. Members who damage a boat",),
    "strikethrough-as-valid/marquee_tracked.docx": ("~~80 euros~~ 120 euros", "~~60~~ 75 guests"),
    "strikethrough-as-valid/toys_strike.docx": ("~~Open on Mondays from ten to noon.~~",),
    "strikethrough-as-valid/note.rtf": ("~~Meet at gate 1.~~ Meet at gate 4.", "über ninety", "Name\tOlga", "日"),
    "links-lost/sauna_link.docx": ("booked [here](https://booking.example.org/sauna-north).",),
}
SUFFIXES = (".docx", ".odt")
# Words that only kreuzberg finds in RTF files: half words, misread Chinese, the target of a link inside the document,
# numeric character references, and a letter that is not joined with the number of a note.
ONLY_IN_THE_LIBRARY = {
    "testRTFCorruptListOverride.rtf": {"c", "oated"},
    "testRTFTIKA_2899.rtf": {"&", "5", "6", "9"},
    "testRTFUnicodeUCNControlWordCharacterDoubling.rtf": {"o"},
    "testRTF_parInsideHyperlink.rtf": {"target"},
    "note.rtf": {"a"},
}


@pytest.mark.parametrize("path", FACTS)
def test_field_input__keeps_its_facts(shared: Path, path):
    file = shared / "field" / path
    document = extract(Source(file.name, file.read_bytes()), max_unpacked_mb=100)
    text = "\n".join(block.text for block in document.blocks)
    assert [fact for fact in FACTS[path] if fact not in text] == []


def _read_nothing(source: Source, depth: int) -> Reading:
    raise InvalidInput(f"{source.name} at depth {depth} is not part of this check.")


def test_collection__no_word_is_lost(shared: Path):
    lost: dict[str, list[str]] = {}
    read = 0
    folders = (shared / "documents", shared / "field")
    for path in sorted(path for folder in folders for path in folder.rglob("*.*") if path.suffix in SUFFIXES):
        content = path.read_bytes()
        try:
            file = File(path.name, content, sniff_binary(content, path.name) or "")
            elements = READERS[file.media_type](file, _read_nothing).elements
        except InvalidInput:  # damaged, encrypted, or without text; see test_documents.py
            continue
        read += 1
        missing = find_missing_texts(SECOND_READINGS[file.media_type](file), elements)
        lost |= {path.name: missing} if missing else {}
    assert lost == {}
    assert read >= 30


def test_rtf_collection__no_word_that_the_library_finds_is_lost(shared: Path):
    lost: dict[str, set[str]] = {}
    for path in sorted(path for folder in ("documents", "field") for path in (shared / folder).rglob("*.rtf")):
        file = File(path.name, path.read_bytes(), RTF)
        elements = READERS[RTF](file, _read_nothing).elements
        words = count_units("\n".join(f"{element.marker} {element.text}" for element in elements))
        by_library = count_units(run_kreuzberg(file.content, RTF).content)
        missing = set(by_library) - set(words)
        lost |= {path.name: missing} if missing else {}
    assert lost == ONLY_IN_THE_LIBRARY
