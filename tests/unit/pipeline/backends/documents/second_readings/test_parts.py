"""Parts of zip-based files for the second readings."""

import io
import zipfile
from pathlib import Path

import pytest

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.open_sheets import read_ods_texts
from pipeline.backends.documents.second_readings.opendocument import read_odt_texts
from pipeline.backends.documents.second_readings.parts import local_name, parse_part
from pipeline.backends.documents.second_readings.slides import read_pptx_texts
from pipeline.backends.documents.second_readings.word import read_docx_texts

UNKNOWN_ENCODING = b'<?xml version="1.0" encoding="x-unknown"?><a>text</a>'


def archive_with(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def mark_encrypted(content: bytes) -> bytes:
    """Set the flag of encryption in all headers."""
    local, central = b"PK\x03\x04", b"PK\x01\x02"
    changed = bytearray(content)
    for signature, offset in ((local, 6), (central, 8)):
        at = content.find(signature)
        while at >= 0:
            changed[at + offset] |= 1
            at = content.find(signature, at + 1)
    return bytes(changed)


@pytest.mark.parametrize(
    "content",
    [
        archive_with({"part.xml": UNKNOWN_ENCODING}),
        archive_with({"part.xml": b"<a><b></a>"}),
        archive_with({"other.xml": b"<a/>"}),
        mark_encrypted(archive_with({"part.xml": b"<a/>"})),
        archive_with({"part.xml": b"<a>good</a>"}).replace(b"<a>good</a>", b"<a>evil</a>"),
    ],
    ids=["unknown encoding", "not well-formed", "missing", "encrypted", "wrong checksum"],
)
def test_unreadable_part__is_none(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert parse_part(archive, "part.xml") is None


def test_readable_part__is_parsed():
    with zipfile.ZipFile(io.BytesIO(archive_with({"part.xml": b'<n:a xmlns:n="urn:x"/>'}))) as archive:
        root = parse_part(archive, "part.xml")
    assert root is not None
    assert local_name(root.tag) == "a"


@pytest.mark.parametrize(
    ("read", "part"),
    [
        (read_docx_texts, "word/document.xml"),
        (read_pptx_texts, "ppt/slides/slide1.xml"),
        (read_odt_texts, "content.xml"),
        (read_ods_texts, "content.xml"),
    ],
)
def test_second_reading__ignores_a_part_with_an_unknown_encoding(read, part):
    link = b'<Relationships><Relationship Type="x/slide" Target="slides/slide1.xml"/></Relationships>'
    parts = {part: UNKNOWN_ENCODING, "ppt/_rels/presentation.xml.rels": link}
    assert list(read(File(Path(part).name, archive_with(parts), ""))) == []
