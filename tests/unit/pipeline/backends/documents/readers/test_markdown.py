"""What a browser shows of rendered Markdown is what is read; what only looks like HTML stays."""

import time

import pytest

from pipeline.backends.documents.readers.markdown import HUGE_TABLE_ROWS
from tests.reading import read, text_of

TABLE = "| Part | Price |\n| --- | --- |\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("List<Book>, Map<String, Book>, `Vec<u8>` and <blink>", "List<Book>, Map<String, Book>, Vec<u8> and <blink>"),
        ("<your-name>, e.g. `ssh <user>@<host>`; never <b>", "<your-name>, e.g. ssh <user>@<host>; never <b>"),
        ("Set `__init__`, __init__, max_open_files, 5 * 3 * 2", "Set __init__, __init__, max_open_files, 5 * 3 * 2"),
        ("**bold**, *it*, __two words__, <kbd>Ctrl</kbd>+<kbd>T</kbd>", "bold, it, two words, Ctrl+T"),
        ("A<sub>2</sub>, x<sup>3</sup>, x<sup>a-b</sup>, un<b>bold</b>", "A₂, x³, x^(a-b), unbold"),
        ("2*3*4 = 24, *5* and *6*", "2*3*4 = 24, 5 and 6"),
        ("1. a\n2. b\n4. c\n   1. x\n   1. y\n5. d", "1. a\n2. b\n4. c\n  1. x\n  2. y\n5. d"),
        ("{{ name }} and {% if x %}", "{{ name }} and {% if x %}"),
        ("a ~~18 euros~~ 24 euros. <del>x</del>", "a ~~18 euros~~ 24 euros. ~~x~~"),
        ("a\\\nb<br>c  \nd\ne", "a\nb\nc\nd e"),
        ("[ref][1] and [mail](mailto:a@b.example), <https://x.example>\n\n[1]: https://a.example 'T'",
         "[ref](https://a.example) and [mail](mailto:a@b.example), https://x.example"),
        ("![Plan: crane at pier 4](plan.png)", "Plan: crane at pier 4"),
        ("Stone[^1][^b].\n\n[^1]: It says *granite*\n    and more.\n[^b]: Two.",
         "Stone¹ (note b).\n\nNote 1: It says granite and more.\n\nNote b: Two."),
        ("Term\n: Its definition.", "Term: Its definition."),
        ("**Opening hours**\nFrom ten.", "Opening hours\nFrom ten."),
        ("$E = m_1 c_2^2$ costs $5 and $6", "$E = m_1 c_2^2$ costs $5 and $6"),
        ("$$\\sum_{i=1}^n x_i$$", "$$\\sum_{i=1}^n x_i$$"),
        ("<!-- secret -->\nopen <!-- secret -->", "open"),
        ("> quoted\n> text\n\n> [!NOTE]\n> Bring boots.", "quoted text\n\n[!NOTE] Bring boots."),
        ("<details><summary>Logs?</summary>\n\nIn **/var**.\n\n</details>", "Logs?\n\nIn /var."),
        ("a<table><tr><th>x<th>y</tr>\n<tr><td>1<td>2</table>", "a\n\n| x | y |\n| --- | --- |\n| 1 | 2 |"),
        (TABLE + "| a \\| b | `x` ~~4~~ 5 |", TABLE + "| a \\| b | x ~~4~~ 5 |"),
        ("```py\n# no heading\n```\n\n    indented\n", "```py\n# no heading\n```\n\n```\nindented\n```"),
        ("- [ ] open\n- [x] done", "- [ ] open\n- [x] done"),
    ],
)  # fmt: skip
def test_markdown__text(source: str, text: str) -> None:
    assert text_of("a.md", source) == text


def test_markdown__lists_keep_parents_numbers_and_paragraphs() -> None:
    source = "3. Fridge:\n   - milk\n     - skimmed\n4. Gates\n\n   Both.\n\n   ```\n   x\n   ```\n5) five\n"
    assert text_of("a.md", source) == "3. Fridge:\n  - milk\n    - skimmed\n4. Gates\n\nBoth.\n\n```\nx\n```\n\n5. five"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("---\ntitle: 'House rules'\nauthor: Ada\n---\n# Other\n\nText.", "House rules"),
        ("Backup\n======\n\n```\n# restore\n```", "Backup"),
        ("<h1 align=center>Tideclock</h1>\n\n```sh\n# download\n```", "Tideclock"),
        ("```sh\n# download\n```\ntext", "a"),
        ("<!-- # hidden -->\ntext", "a"),
    ],
)
def test_markdown__title(source: str, title: str) -> None:
    assert read("a.md", source).title == title


def test_markdown__other_fields_of_the_front_matter_are_text() -> None:
    assert text_of("a.md", "---\ntitle: T\nauthor: Ada\n---\nText.") == "author: Ada\n\nText."
    assert text_of("a.md", "---\n\nText.\n\n---\n\nMore.") == "Text.\n\nMore."


def test_markdown__huge_tables_are_read_quickly_and_as_others() -> None:
    rows = "".join(f"| GX-{n} | **{n}** EUR \\| x |\n" for n in range(HUGE_TABLE_ROWS))
    started = time.perf_counter()
    text = text_of("a.md", f"# Parts\n\n{TABLE}{rows}\nafter")
    assert time.perf_counter() - started < 5
    assert text.startswith(f"{TABLE}| GX-0 | 0 EUR \\| x |\n")
    assert text.endswith("after")


@pytest.mark.parametrize(
    "part",
    ["[", "[a](", "![", "*a", "_a ", "`a``b", "<a ", "<b>", ">", "- ", "$a ", "[^1]", "~~a", "<!--", "&amp", "|", "\\"],
)
def test_markdown__unbalanced_marks_take_bounded_time(part: str) -> None:
    started = time.perf_counter()
    text_of("a.md", f"word\n\n{part * 20_000}")
    assert time.perf_counter() - started < 8


def test_front_matter__between_plus_signs():
    document = read("page.md", '+++\ntitle = "Ferry rules"\nfee = 5\n+++\nBring boots.\n')
    assert document.title == "Ferry rules"
    assert document.blocks[0].text == "fee = 5\n\nBring boots."
