"""Every file of the test collection through parser and chunker."""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import errors
from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.chunk import chunk_document
from pipeline.text.passages import build_passage
from pipeline.types import Chunk, ParsedDocument, Source
from tests.source_words import find_lost_units, read_source_units

MUST_READ = ("pdf", "docx", "pptx", "xlsx", "html", "epub", "txt", "md", "csv")
READABLE_SHARE = 0.97
# Checked by hand with other readers: these hold no text, or are none of what their names say.
UNREADABLE = {
    "MEDRPT-2024-PAT-3847_medical_report_scan.pdf", "_mozilla_bug638318_text.html", "cmyk-image.pdf",
    "grayscale-image.pdf", "imagemagick-ASCII85Decode.pdf", "imagemagick-CCITTFaxDecode.pdf", "imagemagick-lzw.pdf",
    "testColorRendering.pdf", "testOCR.pdf", "testPDFFileEmbInAnnotation_noContents.pdf",
    "testPDF_Version.11.x.PDFA-1b.pdf", "testPDF_Version.6.x.pdf", "testPDF_Version.9.x.pdf", "testPDF_diffTitles.pdf",
    "testPDF_jsActionOnPage.pdf", "testPDF_sigflags.pdf", "unreadablemetadata.pdf", "testMSChart-govdocs-428996.xlsx",
    "headerPic.docx", "2exe.docx", "testWORD_multi_authors.docx", "testWORD_truncated.docx", "testPPT_EmbeddedPDF.pptx",
    "testWPSAttachment.pptx", "test_ignore_IBM420.html",
}  # fmt: skip
ENCRYPTED = {
    "libreoffice-writer-password.pdf", "protect.xlsx", "testEXCEL_protected_passtika.xls", "testPassword4Spaces.pdf",
    "testPDF_no_extract_yes_accessibility_owner_user.pdf", "testWORD_protected_passtika.docx",
}  # fmt: skip
# Folders of encodings that Python has under another name, or not at all.
CODECS = {
    "macroman": "mac_roman",
    "maccyrillic": "mac_cyrillic",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "euc-tw": None,
}
# Words that the independent reading of a file finds and the parser leaves out, with the reason.
LEFT_OUT = {
    "equations.docx": "equations are written on one line, so that their symbols are divided differently",
    "GeoTopo-komprimiert.pdf": "pypdf joins the letters of formulas that stand apart",
    "orchard.pptx": "a hidden slide",
    "scan_stamped.pdf": "the number of a page in its stamp",
    "tablepages.pdf": "the number of a page in its footer",
    "testODTStyles3.odt": "two cells that the simple reading joins",
    "testPDF_acroform3.pdf": "the target of a link follows its words, where pypdf joins them",
    "testPPT_various.pptx": "header and footer of the printed notes",
    "testWORD_template.docx": "the number of a page",
    "article_nav.html": "the menu",
    "test_blog.html": "the menu",
    "test_serp.html": "the menu",
    "test_wikipedia.html": "the menu and the list of categories",
    "tika434.html": "the menu",
}
LANGUAGES = "polish hungarian croatian greek russian slovene czech bulgarian slovak arabic romanian hebrew turkish"
LANGUAGE = re.compile(f"-({LANGUAGES.replace(' ', '|')})$")


class Words:
    """Counts words and single East Asian characters."""

    def count(self, text: str) -> int:
        return len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W\u3040-\uffff]+|[^\w\s]", text))


@pytest.fixture(scope="module")
def documents(shared: Path) -> Path:
    folder = shared / "documents"
    if not folder.is_dir():
        pytest.skip(f"no documents at {folder}")
    return folder


@pytest.fixture(scope="module")
def parser() -> Iterator[KreuzbergParser]:
    made = KreuzbergParser(timeout_s=60)
    yield made
    made.close()


@pytest.fixture(scope="module")
def results(documents: Path, parser: KreuzbergParser) -> dict[Path, ParsedDocument | errors.RefdeskError]:
    return _parse_folder(documents, parser)


@pytest.fixture(scope="module")
def field_results(shared: Path, parser: KreuzbergParser) -> dict[Path, ParsedDocument | errors.RefdeskError]:
    return _parse_folder(shared / "field", parser)


def _parse_folder(folder: Path, parser: KreuzbergParser) -> dict[Path, ParsedDocument | errors.RefdeskError]:
    found: dict[Path, ParsedDocument | errors.RefdeskError] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                found[path] = parser.parse(Source(path.name, path.read_bytes()))
            except errors.RefdeskError as error:
                found[path] = error
    return found


@pytest.fixture(scope="module")
def chunks(results) -> dict[Path, tuple[Chunk, ...]]:
    return {
        path: chunk_document(result, Words(), max_tokens=200, overlap=0, max_chunks=50_000)
        for path, result in results.items()
        if isinstance(result, ParsedDocument)
    }


def test_documents__each_is_read_or_fails_with_an_error_that_names_it(results):
    for path, result in results.items():
        if not isinstance(result, ParsedDocument):
            assert isinstance(result, errors.InvalidInput), path
            assert not isinstance(result, errors.ParserCrashed | errors.ParseTimeout), path
            assert path.name in str(result), path
            assert str(result).endswith(".") or ".;" in str(result), path


def test_documents__enough_of_every_format_is_read(results):
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for path, result in results.items():
        if path.name not in UNREADABLE | ENCRYPTED:
            table[path.suffix[1:].lower()]["read" if isinstance(result, ParsedDocument) else result.name] += 1
    for extension in MUST_READ:
        counts = table[extension]
        assert counts["read"] >= READABLE_SHARE * counts.total() > 0, (extension, counts)


def test_documents__no_word_of_a_file_is_lost(results, field_results):
    checked = 0
    lost = {}
    for path, result in {**results, **field_results}.items():
        units = read_source_units(path.name, path.read_bytes())
        if units is None or not isinstance(result, ParsedDocument):
            continue
        checked += 1
        text = "\n".join([result.title, *("\n".join([*block.headings, block.text]) for block in result.blocks)])
        missing = find_lost_units(units, text, unique=path.suffix == ".pdf")
        if missing:
            lost[path.name] = (missing.total(), units.total())
    assert sorted(lost) == sorted(LEFT_OUT), lost
    assert checked >= 150


def test_documents__encrypted_ones_are_reported(results):
    for path, result in results.items():
        assert isinstance(result, errors.EncryptedFile) == (path.name in ENCRYPTED), path


def test_documents__nothing_unstorable_is_left(results):
    for path, result in results.items():
        if isinstance(result, ParsedDocument):
            words = [result.title, *result.warnings]
            for block in result.blocks:
                words += [block.text, *block.headings]
            assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", "".join(words)), path
            assert result.title.strip(), path


def test_documents__chunks_stay_within_the_token_budget(chunks):
    for path, cut in chunks.items():
        assert cut, path
        for chunk in cut:
            assert Words().count(build_passage(chunk.headings, chunk.text)) == chunk.tokens <= 200, path


def test_documents__chunks_keep_nearly_every_character(results, chunks):
    for path, cut in chunks.items():
        result = results[path]
        if any("| --- |" in block.text for block in result.blocks):
            continue  # headers are repeated there
        before = re.sub(r"\s", "", "".join(block.text for block in result.blocks))
        after = re.sub(r"\s", "", "".join(chunk.text for chunk in cut))
        assert before == after, path


def test_documents__pdf_pages_are_in_order(results):
    for path, result in results.items():
        if isinstance(result, ParsedDocument) and result.media_type == "application/pdf":
            pages = [block.page or 0 for block in result.blocks]
            assert pages == sorted(pages), path
            assert result.pages is not None, path
            assert 1 <= pages[0] <= pages[-1] <= result.pages, path


def test_documents__right_characters_in_every_encoding(documents, parser):
    wrong = []
    for path in sorted((documents / "chardet").glob("*/*")):
        name = LANGUAGE.sub("", path.parent.name).lower()
        codec = CODECS.get(name, name)
        if codec is None or path.name in UNREADABLE:
            continue
        true = html.unescape(path.read_bytes().decode(codec, errors="replace"))
        parsed = parser.parse(Source(path.name, path.read_bytes()))
        seen = Counter("".join(block.text for block in parsed.blocks))
        letters = Counter({letter: seen[letter] for letter in seen if ord(letter) > 127 and letter.isalpha()})
        strange = sum((letters - Counter(true)).values())
        if strange > max(1, 0.002 * letters.total()):
            wrong.append((path.parent.name, path.name, strange, letters.total()))
    assert wrong == []
