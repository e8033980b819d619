"""Every PDF of the shared files against pypdf, which shares no code with the reader: no word is lost."""

import re
from pathlib import Path

import pytest

from pipeline import errors
from pipeline.backends.documents.extraction import extract
from pipeline.types import Source
from tests.source_words import find_lost_units, read_source_units

# Words that only pypdf sees, with the reason.
EXPECTED = {
    "GeoTopo-komprimiert.pdf": "parts of formulas that pypdf joins, and page numbers",
    "minimal-document.pdf": "the hyphen of a word that is divided at the end of a line",
    "with-attachment.pdf": "the same",
    "scan_stamped.pdf": "page numbers of a stamp that is kept once",
    "tablepages.pdf": "page numbers",
    "testPDF_acroform3.pdf": "pypdf joins a footer with its link",
}
MAX_EXPECTED = 12


@pytest.fixture(scope="module")
def paths(shared: Path) -> list[Path]:
    found = sorted(path for folder in ("documents", "field") for path in (shared / folder).rglob("*.pdf"))
    if not found:
        pytest.skip(f"no PDFs at {shared}")
    return found


def test_pdfs__lose_no_word(paths):
    lost = {}
    for path in paths:
        content = path.read_bytes()
        try:
            document = extract(Source(path.name, content), max_unpacked_mb=100)
        except errors.InvalidInput:
            continue  # test_documents.py knows which may fail
        units = read_source_units(path.name, content)
        if units is None:
            continue
        text = "\n".join(["", *(part for block in document.blocks for part in (*block.headings, block.text))])
        missing = find_lost_units(units, re.sub(r"\]\([^)\s]*\)", "] ", text), unique=True)
        if missing and (path.name not in EXPECTED or missing.total() > MAX_EXPECTED):
            lost[path.name] = dict(missing)
    assert lost == {}
