"""Parts of zip-based files, parsed with the XML parser of the standard library."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from xml.etree import ElementTree as ET

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, ET.ParseError, EOFError, OSError, NotImplementedError),
    *(LookupError, RuntimeError),
)
"""What reading a missing, damaged or encrypted part raises; an unknown encoding is a `LookupError`."""


def parse_part(archive: zipfile.ZipFile, name: str) -> ET.Element | None:
    """Parse a part; return None if it is missing or damaged, which the first reading reports."""
    try:
        return ET.fromstring(archive.read(name))  # noqa: S314 -- expat bounds the amplification of entities
    except DAMAGE:
        return None


def local_name(name: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]
