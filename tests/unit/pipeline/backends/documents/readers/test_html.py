"""What a browser shows of a page is what is read, in reading order, without the menus of the site."""

import time

import pytest

from pipeline.backends.documents.readers.html import read_markup
from pipeline.errors import EmptyDocument
from tests.reading import read, text_of


def page(body: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def html(body: str, head: str = "", name: str = "a.html") -> str:
    return text_of(name, page(body, head))


def elements(body: str, name: str = "a.html") -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in read_markup(body, name).elements]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>List&lt;Book&gt; and Map&lt;String, Book&gt;; 3 &lt; 5</p>", "List<Book> and Map<String, Book>; 3 < 5"),
        ("<p>never in &lt;blink&gt; or &lt;b&gt;</p>", "never in <blink> or <b>"),
        ("<p>__init__, _id_, 5 * 3, *.txt, # 5, [x](y), `a`</p>", "__init__, _id_, 5 * 3, *.txt, # 5, [x](y), `a`"),
        ("<p>&amp;lt; is written for &lt;</p>", "&lt; is written for <"),
        ("<p>Hel<b>lo</b> <i>world</i>\n again&nbsp;.</p>", "Hello world again ."),
        ("<p>one<br>two</p>three<div>four</div>", "one\ntwo\n\nthree\n\nfour"),
        ("<p>unclosed<p>next", "unclosed\n\nnext"),
        ("<p>H<sub>2</sub>O, 5 m<sup>2</sup>, 10<sup>n+1</sup>", "H₂O, 5 m², 10ⁿ⁺¹"),
        ('<p>Sea<sup><a href="#n1">[1]</a></sup><sup>[2]</sup> level', "Sea¹ ² level"),
        ("<p><q>yes</q>, he said", "“yes”, he said"),
        ('<p><abbr title="Deputy">DC</abbr> and <abbr title="Deputy">DC</abbr>', "DC (Deputy) and DC"),
        ("<p><ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>", "東京(とうきょう)"),
        ('<p><img src="x.png" alt="Map: north of pitch 9"><img src="y.gif" alt=""></p>', "Map: north of pitch 9"),
        ("<dl><dt>Dogs</dt><dt>Cats</dt><dd>On a leash.</dd><dt>Why?</dt><dd>Noise.</dd></dl>",
         "Dogs, Cats: On a leash.\n\nWhy? Noise."),
        ("<details><summary>Where?</summary><p>Behind.</p></details>", "Where?\n\nBehind."),
        ("<figure><img alt='A crane'><figcaption>Pier 4</figcaption></figure>", "A crane\n\nPier 4"),
        ('<label>Tents <input value="17"></label><input type=checkbox checked> Dog <input type=hidden value=9>',
         "Tents 17 [x] Dog"),
        ("<input type=radio>no<textarea>Two tents</textarea>", "[ ] no Two tents"),
        ("<select><option>Adult<option selected>Child</select>", "Adult, Child (selected)"),
        ("<math><mi>y</mi><annotation encoding='application/x-tex'>y^2</annotation></math>", "$y^2$"),
        ("<iframe srcdoc='&lt;p&gt;inside&lt;/p&gt;'></iframe>", "inside"),
        ("<x-card><template shadowrootmode=open><p>shadow</p></template></x-card>", "shadow"),
    ],
)  # fmt: skip
def test_html__text_is_what_a_browser_shows(body: str, text: str) -> None:
    assert html(body) == text


@pytest.mark.parametrize(
    "unshown",
    [
        "<p hidden>secret",
        '<p style="color:red; display: none">secret</p>',
        "<script>secret()</script>",
        "<template><p>secret</p></template>",
        "<noscript>secret</noscript>",
        "<!-- secret -->",
        "<style>.secret{}</style>",
        "<dialog>secret</dialog>",
        '<input type="password" value="secret">',
        '<nav><a href="/">secret</a></nav>',
        '<div role="navigation">secret</div>',
        '<div id="cookie-banner"><p>secret</p></div>',
        '<div class="post social-share-buttons">secret</div>',
    ],
)
def test_html__what_is_not_shown_or_belongs_to_the_site_is_left_out(unshown: str) -> None:
    assert html(f"<p>open</p>{unshown}<div>open too</div>") == "open\n\nopen too"


def test_html__lists_keep_their_numbers_parents_and_depth() -> None:
    body = """<ol start="3"><li>Larder:<ul><li>milk<li>butter<ol type="a"><li>salted</ol></ul><li value="9">Gates
        <p>both</p></li></ol><ol reversed><li>two<li>one</ol><ol type=I start=4><li>four</ol>"""
    assert html(body) == (
        "3. Larder:\n  - milk\n  - butter\n    a. salted\n9. Gates\n\nboth\n\n2. two\n1. one\nIV. four"
    )


def test_html__struck_text_is_marked_and_inserted_text_is_not() -> None:
    head = (
        "<style>/**/ p.old span, .c1 { text-decoration : line-through } .c2:hover{text-decoration:line-through}</style>"
    )
    assert html("<p>Price <del>20</del><ins>25</ins>, was <s> 30 </s>.</p>") == "Price ~~20~~ 25, was ~~30~~ ."
    assert html('<p><span class="c1">Tuesday</span><span class="c2">Wednesday</span>', head) == "~~Tuesday~~ Wednesday"
    assert html('<p class="old"><span>Tuesday</span> no</p>', head) == "~~Tuesday~~ no"
    assert html('<div style="text-decoration: line-through"><p>one</p><p>two</p></div>') == "~~one~~\n\n~~two~~"


def test_html__links_keep_their_targets() -> None:
    body = """<base href="/docs/"><p>Here: <a href="rules.pdf">the rules</a>, <a href="mailto:a@b.example">mail</a>,
        <a href="#top">top</a>, <a href="javascript:x()">menu</a>, <a href="https://x.example">https://x.example</a></p>"""
    assert html(body, name="https://camp.example.org/a/b.html") == (
        "Here: [the rules](https://camp.example.org/docs/rules.pdf), [mail](mailto:a@b.example), top, menu, "
        "https://x.example"
    )
    assert html('<p><a href="https://x.example/r">rule</a>s, <a href="https://x.example/1">a1</a>b') == (
        "[rules](https://x.example/r), [a1](https://x.example/1)b"
    )
    saved = "<!-- saved from url=(0022)https://old.example.org/ --><p><a href='x'>words</a> <a href='./#a'>part</a>"
    assert elements(saved) == [("paragraph", "[words](https://old.example.org/x) part")]


def test_html__tables_repeat_spanned_values_and_join_header_rows() -> None:
    table = """<table><caption>Per night</caption><thead><tr><th rowspan=2>Pitch<th colspan=2>Season</tr>
        <tr><th>Low<th>High</tr></thead><tfoot><tr><td>Sum<td>1<td>2</tfoot><tr><td rowspan=2>Forest<td>9<td>13</tr>
        <tr><td colspan=2>closed<br>today</tr></table>"""
    assert html(table) == (
        "Per night\n\n| Pitch | Season Low | Season High |\n| --- | --- | --- |\n| Forest | 9 | 13 |\n"
        "| Forest | closed today | closed today |\n| Sum | 1 | 2 |"
    )


def test_html__layout_tables_become_paragraphs() -> None:
    inner = "<table><tr><th>a<th>b<tr><td>1<td>2</table>"
    assert html(f"<table><tr><td><h2>Menu</h2><p>one<td>{inner}</table>").endswith(
        "one\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    )
    assert html("<table><tr><td>only<tr><td>column</table>") == "only\n\ncolumn"


def test_html__code_keeps_its_lines_entities_and_language() -> None:
    code = '<pre><code class="language-py hl">if a &lt; b:\n    <b>print</b>(1)\n</code></pre>'
    assert elements(code) == [("code", "```py\nif a < b:\n    print(1)\n```")]
    assert elements("<pre>one<br>  two ```</pre>") == [("code", "````\none\n  two ```\n````")]


def test_html__contact_in_the_footer_stays_and_its_links_do_not() -> None:
    footer = "<footer><ul><li><a href='/a'>Imprint</a><li><a href='/b'>Jobs</a></ul><address>Pier 12</address></footer>"
    assert html(f"<p>Text.</p>{footer}") == "Text.\n\nPier 12"


def test_html__a_page_of_links_is_not_emptied() -> None:
    links = "".join(f'<li><a href="/{n}">Course {n}</a>' for n in range(30))
    assert "Course 29" in html(f"<h1>All courses</h1><ul>{links}</ul>")
    assert "Course 29" in html(f"<nav><ul>{links}</ul></nav>")


def test_html__title_and_language_come_from_the_head() -> None:
    document = read(
        "a.html", b"<html lang=de-AT><head><title> Die\n Regeln </title></head><body><svg><title>x</title></svg>a"
    )
    assert (document.title, document.language) == ("Die Regeln", "de-AT")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page('<div id="root"></div><script src="/main.js"></script>'), "made by JavaScript"),
        (page("<noscript>Enable JavaScript.</noscript><script>1</script>"), "made by JavaScript"),
        (
            b'<html><frameset cols="20%,80%"><frame src="menu.html"><frame src="main.html"></frameset></html>',
            "menu.html",
        ),
        (page("<div></div>"), "contains no text"),
    ],
)
def test_html__a_page_without_text_names_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(EmptyDocument, match=reason) as raised:
        read("a.html", content)
    assert "scan" not in str(raised.value)


def test_html__article_of_the_structured_data_is_read_if_the_body_is_empty() -> None:
    data = '<script type="application/ld+json">{"@graph": [{"articleBody": "The bridge is closed."}]}</script>'
    assert html("<div id=app></div>", data) == "The bridge is closed."
    assert html("<p>Shown.</p>", data) == "Shown."


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<ul><li>",
        "<table><tr><td>",
        "<b>",
        "<a href=x>",
        "<del>",
        "<span>x",
        "<p>",
        "<![CDATA[",
        "<!--",
        "&lt;",
    ],
)
def test_html__unclosed_tags_take_bounded_time(part: str) -> None:
    started = time.perf_counter()
    read_markup(part * 20_000 + "end", "a.html")
    assert time.perf_counter() - started < 8


def test_html__empty_elements_of_xhtml_are_closed() -> None:
    source = '<?xml version="1.0"?><html><head><title/><script src="x"/></head><body><p>one<a id="b"/><br/>two</body>'
    assert elements(source) == [("paragraph", "one\ntwo")]


def test_html__deep_nesting_keeps_the_text() -> None:
    assert elements("<div>" * 5000 + "deep" + "</div>" * 5000 + "<p>after") == [
        ("paragraph", "deep"),
        ("paragraph", "after"),
    ]


FACTS = {
    "html-escaped-brackets/entities.html": ("never in <blink>", "List<Book> and Map<String, Book>", "_id_", "__init__"),
    "list-parent-lost/checkout2_nested.html": ("2. Empty the larder:\n  - milk goes to the farmer",),
    "list-parent-lost/checkout_nested.md": (
        "2. Empty the fridge:",
        "- Rooms\n  - Red room sleeps four",
        "- [ ] task one",
    ),
    "list-parent-lost/speaker.md": ("2. Budget\n  1. Income", "  - Deputy:\n    - first: Bo Wrede", "4. Set a new one"),
    "markdown-raw-html/README.md": (
        "Shows the tides of your harbour.",
        "| harbour | Norderby |",
        "Logs are in",
        "screenshot",
    ),
    "markdown-raw-html/entities.md": (
        "List<Book>",
        "<blink>",
        "<your-name>",
        "__init__",
        "The vault code is 8841.",
        "granite",
    ),
    "links-lost/links.md": (
        "[on this page](https://bikes.example.org/register-2026)",
        "[mail](mailto:tove@example.org)",
    ),
    "links-lost/tables.html": (
        "[the rules](https://camp.example.org/rules.pdf)",
        "| Forest | 8 EUR with pass |",
        "3. Third",
    ),
    "strikethrough-as-valid/strike.md": ("~~18 euros~~ 24 euros", "~~Children under ten come free.~~"),
    "strikethrough-as-valid/gdoc_export.html": ("~~Meeting on Tuesday~~ Meeting on Wednesday",),
    "docx-header-footer-comments/article_nav.html": ("harbour master Nils Brandt, channel 12",),
    "eml-attachments-html/lighthouse.mhtml": ("cost 8€ per person.",),
}


@pytest.mark.parametrize("path", FACTS)
def test_field__the_facts_of_pages_are_read(path: str, shared) -> None:
    text = text_of(path.rpartition("/")[2], (shared / "field" / path).read_bytes())
    assert [fact for fact in FACTS[path] if fact not in text] == []


def test_field__titles_never_come_from_code(shared) -> None:
    titles = {"setext_code.md": "Backup of the club server", "README.md": "Tideclock"}
    folder = shared / "field" / "title-from-code-or-footer"
    assert {name: read(name, (folder / name).read_bytes()).title for name in titles} == titles
