"""Text recognition with the real engine, through the parser and its child process."""

import importlib.util
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation

from pipeline import errors
from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.backends.documents.recognition import OcrLimits
from pipeline.types import Source, Unread
from tests.word_files import build_docx, paragraph

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("rapidocr", "openvino")),
    reason="the extra ocr is not installed",
)


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KreuzbergParser]:
    made = KreuzbergParser(ocr=OcrLimits(), pages_folder=tmp_path_factory.mktemp("pages"))
    yield made
    made.close()


def draw(*lines: str, size: int = 28, width: int = 800) -> Image.Image:
    image = Image.new("RGB", (width, 100 + 2 * size * len(lines)), "white")
    for number, text in enumerate(lines):
        ImageDraw.Draw(image).text((50, 50 + 2 * size * number), text, fill="black", font=ImageFont.load_default(size))
    return image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def build_scan(pages: int) -> bytes:
    images = [draw(f"Page {number}: the fee is {100 + number} euros.") for number in range(1, pages + 1)]
    return encode(images[0], "PDF", save_all=True, append_images=images[1:], resolution=150)


def text_of(parser: KreuzbergParser, name: str, content: bytes) -> str:
    return "\n".join(block.text for block in parser.parse(Source(name, content)).blocks)


FORMATS = [("PNG", {}), ("JPEG", {"quality": 60}), ("WEBP", {}), ("GIF", {}), ("TIFF", {}), ("BMP", {})]


@pytest.mark.parametrize(("kind", "options"), FORMATS, ids=[kind for kind, _ in FORMATS])
def test_image__is_a_document_with_confidence(parser: KreuzbergParser, kind: str, options: dict[str, object]):
    content = encode(draw("The boathouse costs 1,250.50 euros."), kind, **options)
    document = parser.parse(Source("photo.bin", content))
    (block,) = document.blocks
    assert block.text == "The boathouse costs 1,250.50 euros."
    assert document.media_type == f"image/{kind.lower()}"
    assert block.confidence is not None
    assert block.confidence > 0.9


@pytest.mark.parametrize("turned", [90, 180, 270, 2, -2])
def test_rotated_scan__is_read_in_order(parser: KreuzbergParser, turned: int):
    lines = ["Keys are returned at noon.", "The deposit is 3,750 euros.", "Fire is forbidden."]
    image = draw(*lines).rotate(turned, expand=True, fillcolor="white")
    assert text_of(parser, "scan.png", encode(image, "PNG")).split() == " ".join(lines).split()


@pytest.mark.parametrize("size", [12, 18, 40])
def test_single_line__is_read_upright(parser: KreuzbergParser, size: int):
    text = "The pump starts at six. 5000 euros"
    assert text_of(parser, "line.png", encode(draw(text, size=size, width=1600), "PNG")) == text


def test_photo_with_exif_orientation__is_turned_upright(parser: KreuzbergParser):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(draw("Keys are returned at noon.").rotate(90, expand=True), "JPEG", exif=exif)
    assert text_of(parser, "photo.jpg", content) == "Keys are returned at noon."


def test_high_screenshot__is_read_to_the_end(parser: KreuzbergParser):
    lines = [f"Message {number} of the long chat" for number in range(1, 101)]
    assert text_of(parser, "chat.png", encode(draw(*lines, size=16, width=400), "PNG")).count("of the long chat") == 100


def test_transparent_picture__is_read_on_white(parser: KreuzbergParser):
    image = draw("The pump starts at six.").convert("L")
    ink = Image.new("RGBA", image.size, (0, 0, 0, 0))
    ink.putalpha(image.point(lambda level: 255 - level))
    assert text_of(parser, "sticker.png", encode(ink, "PNG")) == "The pump starts at six."


def test_tiff__has_pages(parser: KreuzbergParser):
    first, second = draw("The first page."), draw("The second page.")
    document = parser.parse(Source("fax.tif", encode(first, "TIFF", save_all=True, append_images=[second])))
    assert [(block.page, block.text) for block in document.blocks] == [(1, "The first page."), (2, "The second page.")]


def test_picture_without_text__is_reported_as_such(parser: KreuzbergParser):
    with pytest.raises(errors.EmptyDocument, match="is an image without text"):
        parser.parse(Source("sky.png", encode(Image.effect_noise((300, 300), 30), "PNG")))


def test_scan__reports_progress_and_leaves_no_file_after_the_store(
    parser: KreuzbergParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(parser, "_pages_folder", tmp_path / "pages")
    progress: list[tuple[int, int]] = []
    source = Source("scan.pdf", build_scan(3))
    document = parser.parse(source, on_page=lambda done, total: progress.append((done, total)))
    assert [block.page for block in document.blocks] == [1, 2, 3]
    assert progress == [(0, 3), (1, 3), (2, 3)]
    assert len(list((tmp_path / "pages").iterdir())) == 1
    parser.discard_pages(source)
    assert list((tmp_path / "pages").iterdir()) == []


def test_shared_scans__are_read_with_their_stamps(parser: KreuzbergParser, shared: Path):
    folder = shared / "field" / "pdf-mixed-scan"
    if not folder.is_dir():
        pytest.skip(f"no files at {folder}")
    mixed, stamped = (
        parser.parse(Source(name, (folder / name).read_bytes())) for name in ("mixed_scan.pdf", "scan_stamped.pdf")
    )
    scanned = "SCANNED: penalty clause 5000 euros"
    assert [(b.page, b.text) for b in mixed.blocks if b.confidence] == [(2, scanned), (3, scanned), (4, scanned)]
    assert mixed.blocks[0].text.startswith("Lease of the boathouse")
    for page, block in enumerate(stamped.blocks, 1):
        assert (block.page, block.text.splitlines()) == (page, [scanned, "", f"Archive no. 4711 page {page}"])
    assert (*mixed.unread, *stamped.unread) == ()


def test_picture_slide_and_page__are_read(parser: KreuzbergParser):
    picture = io.BytesIO(encode(draw("Keys are returned at noon."), "PNG"))
    presentation, slides = Presentation(), io.BytesIO()
    presentation.slides.add_slide(presentation.slide_layouts[6]).shapes.add_picture(picture, 0, 0)
    presentation.save(slides)
    drawing = '<w:r><w:drawing><wp:inline><a:blip r:embed="image"/></wp:inline></w:drawing></w:r>'
    letter = build_docx(paragraph(drawing), {"image.png": picture.getvalue()})
    for name, content in (("slides.pptx", slides.getvalue()), ("letter.docx", letter)):
        (block,) = parser.parse(Source(name, content)).blocks
        assert block.text == "Keys are returned at noon."
        assert block.confidence is not None


RECOGNISE_AND_REPORT = """
import sys
calls = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system", "os.mkdir"):
        calls.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        calls.append((event, str(arguments)))
sys.addaudithook(watch)
from PIL import Image
from pipeline.backends.documents.ocr import recognise_image
print(*recognise_image(lambda: Image.open(sys.argv[1])).paragraphs)
print(calls)
"""


def test_engine__writes_no_file_and_uses_no_network(tmp_path: Path):
    import rapidocr

    picture, home = tmp_path / "picture.png", tmp_path / "home"
    picture.write_bytes(encode(draw("Keys are returned at noon."), "PNG"))
    home.mkdir()
    models = Path(rapidocr.__file__).parent / "models"
    before = {path: path.stat().st_mtime_ns for path in models.iterdir()}
    variables = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(home))
    done = subprocess.run(
        [sys.executable, "-B", "-c", RECOGNISE_AND_REPORT, picture],
        cwd=home,
        env={**variables, "PATH": os.environ["PATH"], "PYTHONPATH": str(Path(errors.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines() == ["Keys are returned at noon.", "[]"]
    assert list(home.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in models.iterdir()} == before


def test_cancelled_scan__stops_within_a_second_and_continues_later(parser: KreuzbergParser):
    source, stop, stopped = Source("scan.pdf", build_scan(6)), threading.Event(), [0.0]

    def stop_at_fourth(done: int, _total: int) -> None:
        if done == 3:
            stopped[0] = time.monotonic()
            stop.set()

    with pytest.raises(errors.Cancelled):
        parser.parse(source, cancelled=stop.is_set, on_page=stop_at_fourth)
    assert time.monotonic() - stopped[0] < 1
    seen: list[int] = []
    document = parser.parse(source, on_page=lambda done, _total: seen.append(done))
    assert seen == [3, 4, 5]
    assert [block.page for block in document.blocks] == [1, 2, 3, 4, 5, 6]


def test_killed_child__costs_no_page_once_and_the_page_that_kills_it_twice(parser: KreuzbergParser):
    kills: list[int] = []

    def kill_at_second(done: int, _total: int) -> None:
        if done == 1:
            assert parser._child is not None
            kills.append(parser._child.pid)
            os.kill(parser._child.pid, signal.SIGKILL)

    document = parser.parse(Source("scan.pdf", build_scan(4)), on_page=kill_at_second)
    assert len(set(kills)) == 2
    assert [block.page for block in document.blocks] == [1, 3, 4]
    assert document.unread == (Unread("pages_without_text", 1, 4, "2"),)


def test_page_limit__reports_the_rest(tmp_path: Path):
    parser = KreuzbergParser(ocr=OcrLimits(max_images=2))
    try:
        document = parser.parse(Source("scan.pdf", build_scan(4)))
    finally:
        parser.close()
    assert [block.page for block in document.blocks] == [1, 2]
    assert document.unread == (Unread("pages_over_limit", 2, 4, "3-4"),)


def test_time_limit_of_a_page__does_not_end_the_file():
    parser = KreuzbergParser(ocr=OcrLimits(page_timeout_s=0.001))
    try:
        with pytest.raises(errors.EmptyDocument):
            parser.parse(Source("scan.pdf", build_scan(2)))
    finally:
        parser.close()


def test_document_with_text__does_not_load_the_engine(parser: KreuzbergParser):
    parser.close()
    parser.parse(Source("notes.txt", b"The pump starts at six."))
    assert parser._child is not None
    assert "openvino" not in Path(f"/proc/{parser._child.pid}/maps").read_text(encoding="utf-8")
