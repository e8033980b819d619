"""Pages that are not the document fail with the reason; ordinary pages that speak of logins do not."""

import time

import pytest

from pipeline.backends.web.exports import find_export_link
from pipeline.backends.web.pages import find_obstacle, find_refresh_target

HTML = "text/html; charset=utf-8"
LINK = "https://wiki.example/rules"
FORM = (
    "<form><label>User<input name=u></label><label>Password<input type=password></label><button>Log in</button></form>"
)
PROSE = "<p>" + "Boats are to be returned clean and dry before the bell rings. " * 15 + "</p>"


def page(title: str, body: str) -> bytes:
    return f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>".encode()


def obstacle(title: str, body: str, final_url: str = LINK) -> str | None:
    return find_obstacle(page(title, body), HTML, LINK, final_url)


@pytest.mark.parametrize(
    ("title", "body", "final_url", "reason"),
    [
        ("Sign in - Wiki", f"{FORM}<p>Please sign in to continue.</p>", "https://wiki.example/signin?next=/", "login"),
        ("Wiki", FORM, LINK, "login"),
        ("Anmelden", FORM, LINK, "login"),
        ("Sign in - Google", "<form><input type=email></form>", "https://accounts.google.com/v3/signin", "login"),
        ("Just a moment...", "<h2>Checking if the site connection is secure</h2>", LINK, "person"),
        ("Wiki", "<script>window._cf_chl_opt={}</script><p>One moment", LINK, "person"),
        ("Shop", '<div class="g-recaptcha"></div>', LINK, "person"),
        ("Plan - Google Docs", '<div id="docs-chrome">File Edit View Insert Format</div>', LINK, "editor"),
        ("App", "<p>You need to enable JavaScript to run this app.</p><script>x</script>", LINK, "JavaScript"),
        ("Page not found", "<h1>404</h1><p>Sorry, this page does not exist.</p>", LINK, "error page"),
        ("404 | Club", "<p>Oops</p>", LINK, "error page"),
    ],
)  # fmt: skip
def test_find_obstacle(title: str, body: str, final_url: str, reason: str) -> None:
    assert reason in str(obstacle(title, body, final_url))


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Boat rules", f"<a href=/login>Sign in</a>{PROSE}"),
        ("Boat rules", f"<div>{FORM}</div>{PROSE}"),
        ("How to sign in", f"{PROSE}<p>Enter your password and log in.</p>"),
        ("How to sign in", "<p>Open the portal, choose Sign in and enter the password of the club.</p>"),
        ("Security check at the airport", "<p>Open from five."),
        ("404 Main Street", "<p>The house has two floors."),
        ("Enable JavaScript", f"<script>1</script><p>Enable JavaScript in the settings.</p>{PROSE}"),
        ("Contact", f'<form><textarea></textarea><div class="g-recaptcha"></div></form>{PROSE}'),
        ("Google Docs for clubs", "<p>A guide.</p>"),
        ("规则", "<p>" + "船只归还前必须清洗干净。" * 20 + "</p>" + FORM),
    ],
)
def test_find_obstacle__none_in_ordinary_pages(title: str, body: str) -> None:
    assert obstacle(title, body) is None
    assert obstacle(title, body, "https://www.wiki.example/rules") is None


def test_find_obstacle__other_formats_are_not_checked() -> None:
    assert find_obstacle(b"Please sign in", "text/plain", LINK, LINK) is None
    assert find_obstacle(page("Just a moment...", ""), "", LINK, LINK) is not None


def test_find_obstacle__none_in_the_pages_of_the_corpus(shared) -> None:
    pages = sorted((shared / "documents").rglob("*.html"))
    assert pages
    for path in pages:
        assert find_obstacle(path.read_bytes(), HTML, LINK, LINK) is None, path
        assert find_refresh_target(path.read_bytes(), HTML) is None, path


@pytest.mark.parametrize(
    ("markup", "target"),
    [
        ('<meta http-equiv="refresh" content="0; url=/real">', "/real"),
        ("<META HTTP-EQUIV=Refresh CONTENT='3;URL=https://a.example/?a=1&amp;b=2'>", "https://a.example/?a=1&b=2"),
        ("<meta content=\"0;url='x.html'\" http-equiv=refresh>", "x.html"),
        ('<meta http-equiv="refresh" content="300">', None),
        ('<meta http-equiv="refresh" content="300; url=/next">', None),
        ('<noscript><meta http-equiv="refresh" content="0; url=/nojs"></noscript>', None),
        ('<!-- <meta http-equiv="refresh" content="0; url=/old"> -->', None),
        ("<p>refresh: content=0; url=/x</p>", None),
    ],
)
def test_find_refresh_target(markup: str, target: str | None) -> None:
    assert find_refresh_target(f"<html><head>{markup}</head>".encode(), HTML) == target


@pytest.mark.parametrize("part", ["<script ", "<svg>", "<!--", "<title>", "<title x", "<meta ", "<input ", "<", "<a "])
def test_find_obstacle__time_grows_with_the_length(part: str) -> None:
    content = ("<html>" + part * 50_000).encode()[:300_000]
    started = time.perf_counter()
    find_obstacle(content, HTML, LINK, LINK)
    find_refresh_target(content + b"refresh", HTML)
    assert time.perf_counter() - started < 3


DOCUMENT = "https://docs.google.com/document/d/1aBcDeFgHiJkLmNoPqRsTuVwXyZ"


@pytest.mark.parametrize(
    ("link", "export"),
    [
        (f"{DOCUMENT}/edit?usp=sharing#heading=h.1", f"{DOCUMENT}/export?format=docx"),
        (DOCUMENT, f"{DOCUMENT}/export?format=docx"),
        (f"{DOCUMENT}/pub", f"{DOCUMENT}/pub"),
        (f"{DOCUMENT}/edit".replace("document", "spreadsheets"),
         f"{DOCUMENT}/export?format=xlsx".replace("document", "spreadsheets")),
        ("https://github.com/club/notes/blob/main/docs/rules.md#oars", "https://raw.githubusercontent.com/club/notes/main/docs/rules.md"),
        ("https://github.com/club/notes", "https://github.com/club/notes"),
        ("https://www.dropbox.com/s/abc/rules.pdf?dl=0", "https://www.dropbox.com/s/abc/rules.pdf?dl=1"),
        ("https://evil.example/https://docs.google.com/document/d/x", "https://evil.example/https://docs.google.com/document/d/x"),
    ],
)  # fmt: skip
def test_find_export_link(link: str, export: str) -> None:
    assert find_export_link(link) == export
