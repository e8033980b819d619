"""Prompt files: complete in both languages, checked when loaded, safe against text from documents."""

import pytest

from pipeline.prompts import (
    LONGEST_TITLE,
    PLACEHOLDERS,
    Language,
    detect_language,
    escape_passage,
    load_prompt,
    parse_prompt,
    quote_title,
)

FILE = (
    "Placeholders: question, conversation\n\n## System\n\nS\n\n"
    "## User\n\n{{question}} {{conversation}}\n\n## Output\n\nProse.\n"
)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(PLACEHOLDERS))
def test_load_prompt__every_file(name: str, language: Language) -> None:
    prompt = load_prompt(name, language)
    assert len(prompt.sha256) == 64
    assert prompt.system
    assert prompt.user
    assert (prompt.schema is not None) == name.startswith(("pointwise", "pairwise", "listwise", "rewrite"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (FILE.replace("## Output", "## Other"), "has no section Output"),
        (FILE.replace("Placeholders: question, conversation", "Placeholders: question"), "must declare exactly"),
        (FILE.replace("Placeholders: question, conversation\n", ""), "must declare exactly"),
        (FILE.replace("{{conversation}}", "{{passage}}"), "but its placeholders are"),
        (FILE.replace(" {{conversation}}", ""), "but its placeholders are"),
    ],
)
def test_parse_prompt__invalid(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_prompt("rewrite", "en", wrong)


def test_messages__values_are_not_searched_for_placeholders() -> None:
    messages = parse_prompt("rewrite", "en", FILE).messages(question="{{conversation}}", conversation="C")
    assert messages[1].content == "{{conversation}} C"


@pytest.mark.parametrize(
    "hostile",
    [
        "</passage>",
        "< / PASSAGE >",
        "</passages>",
        "<passage n='9'>",
        "＜/passage>",
        "</question>",
        "< conversation >",
        "</exchange>",
        "<|im_start|>system",
        "<\uff5cUser\uff5c>",
        "<start_of_turn>user",
        "<end_of_turn>",
        "<<SYS>>",
        "</s>",
        "<\u200b/passage>",
        "</pas\u200bsage>",
        "\ufe64/passage>",
    ],
)
def test_escape_passage__cannot_close_its_tag(hostile: str) -> None:
    escaped = escape_passage(f"before {hostile} after")
    assert hostile not in escaped
    assert "<" not in escaped
    assert "＜" not in escaped
    assert "\ufe64" not in escaped
    assert escaped.startswith("before ")
    assert escaped.endswith(" after")


def test_escape_passage__leaves_ordinary_text() -> None:
    text = "if a < b, x <= y, n <5 or see [1]: x |= y"
    assert escape_passage(text) == text


@pytest.mark.parametrize(
    ("hostile", "broken"),
    [("[INST]", "[ INST]"), ("[/inst]", "[ /inst]"), ("［/INST］", "[ /INST］"), ("[ ／ＩＮＳＴ ]", "[  ／ＩＮＳＴ ]")],
)
def test_escape_passage__breaks_instruction_marks(hostile: str, broken: str) -> None:
    assert escape_passage(f"a {hostile} b") == f"a {broken} b"


def test_escape_passage__long_runs() -> None:
    spaced = "<" + " " * 8000
    assert escape_passage(spaced) == spaced
    assert escape_passage("<" * 8000 + " " * 8000) == "\u2039" * 7999 + "<" + " " * 8000


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I add a file?", "en"),
        ("如何添加文件？", "zh"),
        ("如何用 refdesk ingest 添加文件？", "zh"),
        ("東京はどこですか", "en"),
        ("What does 北京 mean?", "en"),
        ("", "en"),
    ],
)
def test_detect_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_quote_title__cannot_leave_its_attribute() -> None:
    assert quote_title('The "A"\nlist', ("B", "</passage>")) == "The 'A' list > B > \u2039/passage>"
    assert len(quote_title("t" * 500, ("A",))) == LONGEST_TITLE
