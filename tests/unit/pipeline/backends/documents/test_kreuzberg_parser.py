"""Files of every kind through the parser's child process, small ones made here."""

import base64
import io
import os
import signal
import subprocess
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest

from pipeline import errors
from pipeline.backends.documents import kreuzberg_parser
from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.backends.documents.sniffing import sniff_text
from pipeline.types import Source
from tests.pdf_files import build_pdf

CHINESE = "社区图书馆的开放时间是每天上午九点到晚上八点，节假日另行通知。请保持安静。"
TRADITIONAL = "社區圖書館的開放時間是每天上午九點到晚上八點。請保持安靜，謝謝合作。"
JAPANESE = "図書館は毎日午前九時に開きます。静かにしてください。ありがとうございます。"
KOREAN = "도서관은 매일 오전 아홉 시에 문을 엽니다. 조용히 해 주세요. 감사합니다."
FRENCH = "Voilà un été très chaud à Genève."
RUSSIAN = "Библиотека открыта каждый день с девяти утра. Пожалуйста, соблюдайте тишину."


@pytest.fixture(scope="module")
def parser() -> Iterator[KreuzbergParser]:
    made = KreuzbergParser(timeout_s=60, memory_mb=1024, max_unpacked_mb=20)
    yield made
    made.close()


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(body: str, more: Mapping[str, str] = MappingProxyType({})) -> bytes:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "word/document.xml": f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>',
            **more,
        }
    )


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def child_of(parser: KreuzbergParser) -> int:
    assert parser._child is not None
    return parser._child.pid


def text_of(parser: KreuzbergParser, name: str, content: bytes, media_type: str = "") -> str:
    return "\n".join(block.text for block in parser.parse(Source(name, content, media_type)).blocks)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gbk"), (CHINESE, "gb18030"), (TRADITIONAL, "big5"),
        (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"), (JAPANESE, "iso2022_jp"), (KOREAN, "euc_kr"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (CHINESE, "utf-16"), (CHINESE, "utf-16-le"), (CHINESE, "utf-16-be"),
        (RUSSIAN, "utf-16-le"), (CHINESE, "utf-32"), (CHINESE, "utf-8-sig"), (FRENCH, "cp1252"),
    ],
)  # fmt: skip
def test_text__of_any_encoding_comes_out_right(parser, text, encoding):
    assert text_of(parser, "note.txt", text.encode(encoding)) == text


def test_html__encoding_is_read_from_its_meta_tag(parser):
    page = '<html><head><meta charset="big5"><title>公告</title></head><body><p>開放</p></body></html>'
    assert text_of(parser, "a.html", page.encode("big5")) == "開放"


def test_html__encoding_is_read_from_the_http_header(parser):
    assert (
        text_of(parser, "x", "<html><body><p>é</p></body></html>".encode("cp1250"), "text/html; charset=windows-1250")
        == "é"
    )


def test_html__keeps_words_and_drops_scripts_styles_and_navigation(parser):
    page = """<html><head><title>T</title><style>p{}</style></head><body><nav><a href="/a">Menu</a></nav>
    <h1>Rules</h1><script>var x = 1;</script><p>Be <b>kind</b>, see <a href="/more">more</a>.</p></body></html>"""
    document = parser.parse(Source("rules.html", page.encode()))
    assert [(block.headings, block.text) for block in document.blocks] == [(("Rules",), "Be kind, see more.")]


def test_html__text_in_layout_tables_and_quotes_comes_once(parser):
    page = "<table><tr><td><blockquote><ul><li>once only</li></ul> and after</blockquote></td></tr></table>"
    assert text_of(parser, "a.html", f"<html><body>{page}</body></html>".encode()).count("once only") == 1


def test_html__long_menu_is_left_out_and_a_short_list_of_links_stays(parser):
    menu = "".join(f'<li><a href="/{n}">language {n}</a></li>' for n in range(30))
    see_also = '<li><a href="/a">Opening hours</a></li><li><a href="/b">Fees</a></li>'
    text = text_of(
        parser, "a.html", f"<html><body><ul>{menu}</ul><p>Text.</p><ul>{see_also}</ul></body></html>".encode()
    )
    assert "language 7" not in text
    assert text == "Text.\n\n- Opening hours\n- Fees"


def test_markdown__headings_tables_and_code(parser):
    text = "# Guide\n\nHi.\n\n## Prices\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\n# no heading\n```\n"
    document = parser.parse(Source("guide.md", text.encode()))
    assert document.title == "Guide"
    assert [block.headings for block in document.blocks] == [("Guide",), ("Guide", "Prices")]
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |" in document.blocks[1].text
    assert "# no heading" in document.blocks[1].text


def test_csv__becomes_a_table_with_its_header(parser):
    assert text_of(parser, "a.csv", b'name;"age"\nAnn;"30"\nBo;31\n').startswith(
        "| name | age |\n| --- | --- |\n| Ann | 30 |"
    )


def test_json__becomes_lines_with_their_path(parser):
    assert text_of(parser, "a.json", b'{"a": {"b": [1, 2]}, "c": "\\u00e9"}') == "a.b: 1, 2\nc: é"


def test_json__rows_become_a_table(parser):
    assert text_of(parser, "a.json", b'[{"id": 1, "n": "x"}, {"id": 2, "m": null}]').startswith("| id | n | m |")


def test_docx__headings_and_table(parser):
    rows = "".join(f"<w:tr><w:tc>{paragraph(a)}</w:tc><w:tc>{paragraph(b)}</w:tc></w:tr>" for a, b in ("kv", "12"))
    document = parser.parse(
        Source("a.docx", docx(paragraph("House", "Heading1") + paragraph("Be kind.") + f"<w:tbl>{rows}</w:tbl>"))
    )
    assert [block.headings for block in document.blocks] == [("House",)]
    assert document.blocks[0].text == "Be kind.\n\n| k | v |\n| --- | --- |\n| 1 | 2 |"


def test_pdf__carries_pages_whatever_its_name(parser):
    document = parser.parse(Source("notes.txt", build_pdf("First page here.", "Second page there.")))
    assert document.media_type == "application/pdf"
    assert document.pages == 2
    assert [(block.page, block.text) for block in document.blocks] == [
        (1, "First page here."),
        (2, "Second page there."),
    ]


def test_text__about_pdf_stays_text(parser):
    assert "%PDF-1.4" in text_of(parser, "a.txt", b"A PDF starts with %PDF-1.4, says the manual.")


def test_text__nul_bytes_and_surrogates_are_gone(parser):
    assert text_of(parser, "a.txt", b"good " * 100 + b"\x00bad") == "good " * 100 + "bad"
    assert text_of(parser, "a.json", b'{"a": "x\\ud800y\\u0000z"}') == "a: xyz"


TALK = zipped({"mimetype": "application/vnd.oasis.opendocument.presentation"})
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("empty.txt", b"", errors.EmptyDocument, "empty.txt is empty"),
        ("blank.md", b" \n\t\r\n", errors.EmptyDocument, "is empty"),
        ("blank.pdf", build_pdf("", ""), errors.EmptyDocument, "2 pages without text.*no scans"),
        ("no-words.docx", docx("<w:p/>"), errors.EmptyDocument, "contains no text"),
        ("a.pdf", bytes(range(256)) * 40, errors.UnreadableFile, "not a readable PDF"),
        ("cut.pdf", build_pdf("x")[:300], errors.UnreadableFile, "damaged"),
        ("cut.docx", docx(paragraph("x"))[:150], errors.UnreadableFile, "not a readable Word document"),
        ("locked.docx", OLE + "EncryptedPackage".encode("utf-16-le"), errors.EncryptedFile, "locked.docx.*password"),
        ("random.bin", bytes(range(256)) * 40, errors.UnsupportedFormat, "binary data"),
        ("cat.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), errors.UnsupportedFormat, "is an image"),
        ("all.zip", zipped({"a.txt": "x"}), errors.UnsupportedFormat, "zip archive; unpack it and add the files"),
        ("a.gz", zlib.compress(b"x", wbits=31), errors.UnsupportedFormat, "gzip archive; unpack it"),
        ("talk.odp", TALK, errors.UnsupportedFormat, "PPTX or PDF"),
    ],
)  # fmt: skip
def test_bad_file__gets_its_own_clear_error(parser, name, content, error, says):
    with pytest.raises(error, match=says) as raised:
        parser.parse(Source(name, content))
    assert type(raised.value) is error


def test_markup__many_comments_before_the_first_element_take_no_time():
    started = time.process_time()
    assert sniff_text("<!-- note -->\n" * 60 + "<project/>", "pom.xml", "") == "application/xml"
    assert sniff_text("<!-- note -->\n" * 60 + "<html>", "page", "") == "text/html"
    assert time.process_time() - started < 1


def test_zip__with_damaged_compressed_data_is_unreadable(parser):
    content = bytearray(zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<p>x</p>" * 99}))
    start = content.index(b"mimetype") + len(b"mimetype")
    content[start : start + 8] = b"\xff" * 8
    with pytest.raises(errors.UnreadableFile, match=r"note\.odt"):
        parser.parse(Source("note.odt", bytes(content)))


def test_book__under_rights_management_is_encrypted(parser):
    rights = '<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></encryption>'
    book = {"mimetype": "application/epub+zip", "META-INF/container.xml": "<c/>", "META-INF/encryption.xml": rights}
    with pytest.raises(errors.EncryptedFile, match="rights management"):
        parser.parse(Source("novel.epub", zipped(book)))


def test_zip_bomb__declared_size_is_too_large(parser):
    bomb = zipped({"[Content_Types].xml": "", "word/document.xml": "", "word/media/a": bytes(30 << 20)})
    with pytest.raises(errors.FileTooLarge, match=r"more than 20 MB.*REFDESK_MAX_UNPACKED_MB"):
        parser.parse(Source("bomb.docx", bomb))


def test_zip_bomb__that_lies_about_its_size_is_too_large(parser):
    bomb = zipped({"[Content_Types].xml": "", "word/document.xml": bytes(30 << 20)})
    lie = bomb.replace((30 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lie != bomb
    with pytest.raises(errors.FileTooLarge, match="more than 20 MB"):
        parser.parse(Source("bomb.docx", lie))


def test_cancel__ends_the_child_and_the_next_file_reads():
    parser = KreuzbergParser()
    try:
        with pytest.raises(errors.Cancelled):
            parser.parse(Source("a.txt", b"x"), cancelled=lambda: True)
        assert text_of(parser, "b.txt", b"next") == "next"
    finally:
        parser.close()


def test_timeout__is_its_own_error_and_the_next_file_reads():
    parser = KreuzbergParser(timeout_s=0.000001)
    try:
        with pytest.raises(errors.ParseTimeout, match=r"slow\.txt took longer.*REFDESK_PARSE_TIMEOUT_S"):
            parser.parse(Source("slow.txt", b"x"))
        parser._timeout_s = 60
        assert text_of(parser, "b.txt", b"next") == "next"
    finally:
        parser.close()


def test_memory__running_out_is_a_crash_and_the_next_file_reads():
    parser = KreuzbergParser(memory_mb=64)
    try:
        with pytest.raises(
            errors.ParserOutOfMemory, match=r"huge\.json needs more than 64 MB.*REFDESK_PARSE_MEMORY_MB"
        ):
            parser.parse(Source("huge.json", b"[" + b'{"a":1},' * 2_000_000 + b"{}]"))
        assert text_of(parser, "b.txt", b"next") == "next"
    finally:
        parser.close()


def test_child__that_died_between_files_is_replaced(parser):
    assert text_of(parser, "a.txt", b"one") == "one"
    os.kill(child_of(parser), signal.SIGKILL)
    assert text_of(parser, "b.txt", b"two") == "two"


def kill_each_child(monkeypatch, number: int, *, kills: int) -> list[int]:
    """Send a signal to each of the next children before it gets its file, as the system does when memory is short."""
    killed: list[int] = []
    start = subprocess.Popen

    def start_and_kill(*args, **options):
        child = start(*args, **options)
        if len(killed) < kills:
            killed.append(child.pid)
            os.kill(child.pid, number)
        return child

    monkeypatch.setattr("subprocess.Popen", start_and_kill)
    return killed


def test_child__killed_from_outside__the_file_is_read_again(monkeypatch):
    parser = KreuzbergParser()
    try:
        killed = kill_each_child(monkeypatch, signal.SIGKILL, kills=2)
        assert text_of(parser, "a.txt", b"one") == "one"
        assert len(killed) == 2
    finally:
        parser.close()


def test_child__killed_each_time__fails_the_attempt_and_not_the_file(monkeypatch):
    parser = KreuzbergParser()
    try:
        killed = kill_each_child(monkeypatch, signal.SIGKILL, kills=9)
        with pytest.raises(errors.ParserKilled) as raised:
            text_of(parser, "a.txt", b"one")
        assert raised.value.retryable
        assert len(killed) == kreuzberg_parser.MAX_KILLS
    finally:
        parser.close()


def test_child__crash_of_a_library_is_the_fault_of_the_file(monkeypatch):
    parser = KreuzbergParser()
    try:
        killed = kill_each_child(monkeypatch, signal.SIGSEGV, kills=9)
        with pytest.raises(errors.ParserCrashed, match=r"a\.txt, probably because of an error in a library"):
            text_of(parser, "a.txt", b"one")
        assert len(killed) == 1
    finally:
        parser.close()


def test_child__is_reused_and_replaced_after_many_files(monkeypatch):
    monkeypatch.setattr(kreuzberg_parser, "FILES_PER_CHILD", 2)
    parser = KreuzbergParser()
    try:
        children = []
        for _ in range(4):
            text_of(parser, "a.txt", b"x")
            children.append(child_of(parser))
        assert children[0] == children[1] != children[2] == children[3]
    finally:
        parser.close()


def test_child__knows_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret@db/x")
    parser = KreuzbergParser()
    try:
        text_of(parser, "a.txt", b"x")
        assert b"secret" not in Path(f"/proc/{child_of(parser)}/environ").read_bytes()
    finally:
        parser.close()


def test_parser__serves_threads_one_after_another(parser):
    results: dict[int, str] = {}

    def read(number: int) -> None:
        results[number] = text_of(parser, "a.txt", f"thread {number}".encode())

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"thread {number}" for number in range(8)}


def test_data__that_looks_encoded_still_reads_as_text(parser):
    assert text_of(parser, "a.txt", base64.b64encode(bytes(range(256)))).startswith("AAEC")


def test_time__waiting_for_another_file_does_not_count(monkeypatch):
    clock = [0.0]

    class SlowLock:
        def __enter__(self) -> None:
            clock[0] += 1000

        def __exit__(self, *_: object) -> None:
            pass

    def transfer(
        to_child: object, from_child: object, request: bytes, check: Callable[[], None], max_bytes: int
    ) -> Iterator[bytes]:
        check()
        yield b'{"error": "EmptyDocument", "message": ""}'

    monkeypatch.setattr(kreuzberg_parser, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    parser = KreuzbergParser(timeout_s=10)
    monkeypatch.setattr(parser, "_lock", SlowLock())
    monkeypatch.setattr(parser, "_ensure_child", lambda: True)
    monkeypatch.setattr(parser, "_child", SimpleNamespace(stdin=object(), stdout=object()))
    monkeypatch.setattr(kreuzberg_parser, "_transfer", transfer)
    with pytest.raises(errors.EmptyDocument):
        parser.parse(Source("a.txt", b"x"))
