"""Detect the media type of a file from its content; the name only distinguishes text formats."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib

from pipeline.backends.documents.text_encoding import detect_unmarked_utf16
from pipeline.errors import EncryptedFile, UnreadableFile, UnsupportedFormat

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
EPUB = "application/epub+zip"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
DOC, XLS, PPT, MSG = (
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
)
RTF, EML = "application/rtf", "message/rfc822"
HTML, XML, JSON, CSV, TSV = "text/html", "application/xml", "application/json", "text/csv", "text/tab-separated-values"
MARKDOWN, PLAIN, SUBTITLES = "text/markdown", "text/plain", "application/x-subrip"
MBOX, NOTEBOOK, JSON_LINES = "application/mbox", "application/x-ipynb+json", "application/x-ndjson"
CALENDAR, CONTACTS, CODE = "text/calendar", "text/vcard", "text/x-source"

PNG, JPEG, WEBP, GIF, TIFF, BMP = (
    "image/png", "image/jpeg", "image/webp", "image/gif", "image/tiff", "image/bmp",
)  # fmt: skip

IMAGES = frozenset({PNG, JPEG, WEBP, GIF, TIFF, BMP})
READABLE = (
    "PDF, Word, PowerPoint, Excel, OpenDocument text, EPUB, HTML, Markdown, text, source code, CSV, JSON, notebooks, "
    "subtitles, calendars, contacts, e-mail and images"
)

_BY_EXTENSION = {
    "htm": HTML, "html": HTML, "xhtml": HTML, "xml": XML, "rss": XML, "atom": XML, "json": JSON, "csv": CSV, "tsv": TSV,
    "md": MARKDOWN, "markdown": MARKDOWN, "srt": SUBTITLES, "vtt": SUBTITLES, "sbv": SUBTITLES, "eml": EML, "mht": EML,
    "mhtml": EML, "mbox": MBOX, "mbx": MBOX, "ipynb": NOTEBOOK, "jsonl": JSON_LINES, "ndjson": JSON_LINES,
    "geojson": JSON, "ics": CALENDAR, "vcf": CONTACTS,
}  # fmt: skip
CODE_LANGUAGES = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "jsx",
    "ts": "typescript", "tsx": "tsx", "java": "java", "c": "c", "h": "c", "cc": "cpp", "cpp": "cpp", "hpp": "cpp",
    "cs": "csharp", "go": "go", "rs": "rust", "rb": "ruby", "php": "php", "sh": "bash", "bash": "bash", "zsh": "bash",
    "ps1": "powershell", "sql": "sql", "r": "r", "jl": "julia", "lua": "lua", "pl": "perl", "swift": "swift",
    "kt": "kotlin", "scala": "scala", "css": "css", "scss": "scss", "diff": "diff", "patch": "diff",
}  # fmt: skip
"""Languages of source code by extension."""
_BY_DECLARED_TYPE = {
    HTML: HTML,
    "application/xhtml+xml": HTML,
    XML: XML,
    "text/xml": XML,
    JSON: JSON,
    CSV: CSV,
    TSV: TSV,
    MARKDOWN: MARKDOWN,
    "application/x-ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
    CALENDAR: CALENDAR,
    CONTACTS: CONTACTS,
    "text/x-vcard": CONTACTS,
    "text/vtt": SUBTITLES,
    SUBTITLES: SUBTITLES,
    EML: EML,
    "multipart/related": EML,
    MBOX: MBOX,
}
_BINARY_EXTENSIONS = {
    "pdf": "PDF", "docx": "Word document", "docm": "Word document", "doc": "Word document", "pptx": "PowerPoint file",
    "ppt": "PowerPoint file", "xlsx": "Excel workbook", "xlsm": "Excel workbook", "xls": "Excel workbook",
    "xlsb": "Excel workbook", "epub": "EPUB book", "odt": "OpenDocument text", "ods": "OpenDocument sheet",
    "rtf": "RTF document", "msg": "Outlook message",
}  # fmt: skip
_ARCHIVES = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}  # fmt: skip
_OTHERS = {
    b"ID3": "MP3 recording", b"OggS": "Ogg recording",
    b"fLaC": "FLAC recording", b"\x1aE\xdf\xa3": "Matroska video", b"\x7fELF": "program", b"MZ": "program",
    b"SQLite format 3\x00": "SQLite database", b"wOF": "font", b"\x00\x01\x00\x00\x00": "font",
}  # fmt: skip
_IMAGE_STARTS = {
    b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG,
    b"II*\x00": TIFF, b"MM\x00*": TIFF, b"II+\x00": TIFF, b"MM\x00+": TIFF,
}  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Atomic groups: otherwise each comment could also end at the end of a later one, in 2^n combinations for n comments.
_MARKUP_START = re.compile(
    r"\s*+(?:(?><!--.*?-->|<\?xml[^>]*>)\s*+)*+<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MAIL_HEADER = re.compile(
    r"^(From|Date|Subject|To|Received|Message-ID|MIME-Version|Return-Path|Content-Type|X-[\w-]+):",
    re.IGNORECASE | re.MULTILINE,
)
_MAILBOX_START = re.compile(r"\s*From [^\n]{0,200}\d{4}[^\n]{0,40}\n[!-9;-~]+:")
_CUE = re.compile(r"\s*(?:WEBVTT\b|\d+[ \t]*\r?\n\d+:\d\d:\d\d[,.]\d+ +-->)")
_CALENDAR = re.compile(r"\s*BEGIN:(VCALENDAR|VCARD)\b", re.IGNORECASE)
_SURELY_JSON = re.compile(r"\s*(?:\[\s*)?\{\s*\"")
_MAX_CHECKED_CHARS = 5_000_000
"""Characters up to which a text is parsed to find out whether it is JSON."""


def sniff_binary(content: bytes, name: str) -> str | None:
    """Return the media type of a binary document, or None if it may be text; raise if it is not supported."""
    if _is_pdf(content):
        return PDF
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _sniff_zip(content, name)
    if content.startswith(_OLE):
        return _sniff_ole(content, name)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{\\rtf"):
        return RTF
    if (image := sniff_image(content)) is not None:
        return image
    for magic, kind in _ARCHIVES.items():
        if content.startswith(magic):
            raise UnsupportedFormat(f"{name} is a {kind} archive; unpack it and add the files inside.")
    if not _may_be_text(content):
        raise _unreadable(content, name)
    return None


def sniff_text(text: str, name: str, declared: str) -> str:
    """Return the media type of a text by its beginning, its extension and the declared type, in this order."""
    head = text[:20_000]
    by_name = _BY_EXTENSION.get(extension_of(name)) or _BY_DECLARED_TYPE.get(declared.partition(";")[0].strip().lower())
    if _MARKUP_START.match(head) and by_name != MARKDOWN:
        return HTML
    if head.lstrip().startswith("<?xml") or (by_name == XML and head.lstrip().startswith("<")):
        return XML
    by_content = _sniff_records(text, head, by_name)
    if by_content is not None:
        return by_content
    if by_name is None and extension_of(name) in CODE_LANGUAGES:
        return CODE
    return PLAIN if by_name is None or by_name in _CHECKED_TYPES else by_name


_CHECKED_TYPES = frozenset({None, XML, JSON, JSON_LINES, NOTEBOOK, EML, MBOX, CALENDAR, CONTACTS})
"""Types that `_sniff_records` finds in the content, whatever the name says."""


def _sniff_records(text: str, head: str, by_name: str | None) -> str | None:
    """Return the type of a text that its beginning identifies: mail, calendar, subtitles or JSON."""
    if by_name not in (*_CHECKED_TYPES, PLAIN, SUBTITLES):
        return None
    if _MAILBOX_START.match(head):
        return MBOX
    if _is_mail(head, named=by_name == EML):
        return EML
    calendar = _CALENDAR.match(head)
    if calendar:
        return CALENDAR if calendar[1].upper() == "VCALENDAR" else CONTACTS
    if _CUE.match(head):
        return SUBTITLES
    return _sniff_json(text) if head.lstrip().startswith(("{", "[")) else None


def _sniff_json(text: str) -> str | None:
    if '"nbformat"' in text and '"metadata"' in text and _SURELY_JSON.match(text):
        return NOTEBOOK
    if _is_json_lines(text):
        return JSON_LINES
    return JSON if _is_json(text) else None


def _is_json_lines(text: str) -> bool:
    """Return whether the first two lines that are not empty are an object or array each."""
    lines: list[str] = []
    start = 0
    while len(lines) < 2 and start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].strip()
        start = end + 1
        if line:
            lines.append(line)
    return len(lines) == 2 and all(line[0] in "{[" and line[-1] in "}]" and _is_json(line) for line in lines)


def extension_of(name: str) -> str:
    """Return the extension of a file name or link in lower case, without the dot."""
    last = re.split(r"[/\\]", name.partition("?")[0].partition("#")[0])[-1]
    return last.rpartition(".")[2].lower() if "." in last else ""


def _is_pdf(content: bytes) -> bool:
    start = content[:1024].find(b"%PDF-")
    # The header may follow other bytes. A text about PDF has no cross-reference table at its end.
    return start == 0 or (start > 0 and b"startxref" in content[-4096:])


def sniff_image(content: bytes) -> str | None:
    """Return the media type of an image that text recognition can read, or None."""
    for start, media_type in _IMAGE_STARTS.items():
        if content.startswith(start):
            return media_type
    # The beginnings of the others are letters, with which a text may begin as well.
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith((b"GIF87a", b"GIF89a")) and content[12:13] == b"\x00":
        return GIF
    return BMP if content.startswith(b"BM") and content[6:10] == bytes(4) else None


def _sniff_zip(content: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            encrypted = any(entry.flag_bits & 1 for entry in archive.infolist())
            declared = _read_part(archive, "mimetype").decode("ascii", "replace").strip()
            manifest = _read_part(archive, "META-INF/manifest.xml")
            rights = _read_part(archive, "META-INF/encryption.xml")
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, OSError, ValueError, EOFError) as error:
        raise _damaged(name) from error
    for part, media_type in (("word/", DOCX), ("ppt/", PPTX), ("xl/workbook.bin", XLSB), ("xl/", XLSX)):
        if "[Content_Types].xml" in names and any(entry.startswith(part) for entry in names):
            return media_type
    if declared == EPUB or "META-INF/container.xml" in names:
        # Obfuscated fonts are listed there too, but the text is readable.
        if re.search(
            rb"Algorithm\s*=\s*[\"'](?!http://www.idpf.org/2008/embedding|http://ns.adobe.com/pdf/enc)", rights
        ):
            raise EncryptedFile(f"{name} is protected by its publisher's rights management and cannot be read.")
        return EPUB
    for media_type in (ODT, ODS, ODP):
        if declared.startswith(media_type):
            return _check_open_document(media_type, manifest, name)
    if encrypted or extension_of(name) not in ("pages", "numbers", "key"):
        raise UnsupportedFormat(f"{name} is a zip archive; unpack it and add the files inside.")
    raise UnsupportedFormat(f"{name} is an iWork file; export it as PDF or Word and add that.")


def _read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read the first megabyte of a part; empty if it is missing."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as part:
        return part.read(1_000_000)


def _check_open_document(media_type: str, manifest: bytes, name: str) -> str:
    if b"encryption-data" in manifest:
        raise EncryptedFile(f"{name} is protected by a password; save a copy without one and add that.")
    if media_type == ODP:
        raise UnsupportedFormat(
            f"{name} is an OpenDocument presentation, which cannot be read; save it as PPTX or PDF."
        )
    return media_type


def _sniff_ole(content: bytes, name: str) -> str:
    def contains(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if contains("EncryptedPackage") or contains("EncryptedSummary"):
        raise EncryptedFile(f"{name} is protected by a password; save a copy without one and add that.")
    streams = (
        (MSG, "__properties_version1.0"),
        (PPT, "PowerPoint Document"),
        (DOC, "WordDocument"),
        (XLS, "Workbook"),
        (XLS, "Book"),
    )
    detected = [media_type for media_type, stream in streams if contains(stream)]
    # A document with embedded documents contains the streams of all of them; its extension decides.
    by_extension = {"doc": DOC, "dot": DOC, "xls": XLS, "xlt": XLS, "ppt": PPT, "pps": PPT, "msg": MSG}.get(
        extension_of(name)
    )
    if by_extension in detected:
        return str(by_extension)
    if detected:
        return detected[0]
    if extension_of(name) in _BINARY_EXTENSIONS:
        raise _damaged(name)
    raise UnsupportedFormat(f"{name} is an OLE file of a kind that cannot be read; Refdesk reads {READABLE}.")


def _may_be_text(content: bytes) -> bool:
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return True
    head = content[:65_536]
    allowed = b"\t\n\v\f\r\x1b" + (b"\x0e\x0f" if b"\x1b$" in head else b"")  # ISO-2022-KR shifts out and in
    controls = sum(head.count(byte) for byte in range(1, 32) if byte not in allowed)
    few_controls = controls <= 0.005 * len(head) + 1 and head.count(0) * 100 < len(head) + 100
    return few_controls or _has_regular_zeros(head) or detect_unmarked_utf16(head) is not None


def _has_regular_zeros(head: bytes) -> bool:
    # UTF-16 and UTF-32 have zeros at fixed positions of every four bytes; in other binary data they are scattered.
    usable = head[: len(head) // 4 * 4]
    lanes = [usable[lane::4].count(0) for lane in range(4)]
    length = max(1, len(usable) // 4)
    full = [count > 0.3 * length for count in lanes]
    return tuple(full) in {
        (True, False, True, False), (False, True, False, True), (True, True, True, False), (False, True, True, True),
        (True, True, False, False), (False, False, True, True),
    }  # fmt: skip


def _unreadable(content: bytes, name: str) -> UnreadableFile | UnsupportedFormat:
    for magic, kind in _OTHERS.items():
        if content.startswith(magic):
            return UnsupportedFormat(f"{name} is a {kind}, not a text document; Refdesk reads {READABLE}.")
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return UnsupportedFormat(f"{name} is a HEIC or AVIF image; save it as JPEG or PNG and add that.")
    if content[4:8] == b"ftyp" or content.startswith(b"RIFF"):
        return UnsupportedFormat(f"{name} is a recording or video, not a text document; Refdesk reads {READABLE}.")
    if extension_of(name) in _BINARY_EXTENSIONS:
        return _damaged(name)
    return UnsupportedFormat(f"{name} is binary data, not a text document; Refdesk reads {READABLE}.")


def _damaged(name: str) -> UnreadableFile:
    kind = _BINARY_EXTENSIONS.get(extension_of(name), "document")
    return UnreadableFile(
        f"{name} is not a readable {kind}: it is damaged or has the wrong extension. "
        "Open it, save it again and add the new file."
    )


def _is_mail(head: str, *, named: bool) -> bool:
    block = re.split(r"\r?\n\r?\n", head.lstrip("\ufeff\r\n\t "), maxsplit=1)[0]
    headers = {header.lower() for header in _MAIL_HEADER.findall(block)}
    if not re.match(r"[!-9;-~]+:", block):
        return False
    return (len(headers) >= (2 if named else 3) and "from" in headers) or headers >= {"mime-version", "content-type"}


def _is_json(text: str) -> bool:
    if len(text) > _MAX_CHECKED_CHARS:  # parsing it twice would take too long; the reader falls back to plain text
        return _SURELY_JSON.match(text) is not None
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
