"""A second reading of EPUB: the text nodes of all pages that the package lists."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.html import read_html_texts
from pipeline.backends.documents.text_encoding import decode_text

_PAGE = re.compile(r"\.x?html?$", re.IGNORECASE)
_CONTENTS = re.compile(rb"epub:type\s*=\s*[\"']toc[\"']")


def read_epub_texts(file: File) -> Iterator[str]:
    """Yield the texts of the pages; those that are not listed in the package are no part of the book."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        packages = [name for name in archive.namelist() if name.endswith(".opf")]
        listed = " ".join(archive.read(name).decode("utf-8", "replace") for name in packages)
        for name in archive.namelist():
            if not _PAGE.search(name) or name.rpartition("/")[2] not in listed:
                continue
            content = archive.read(name)
            if not _CONTENTS.search(content):
                yield from read_html_texts(replace(file, text=decode_text(content, "application/xhtml+xml")))
