"""Citations in the forms that models write them in."""

from __future__ import annotations

import pytest

from pipeline.generate.citation_forms import normalize_citations
from pipeline.generate.citations import verify_citations
from tests.answer_fakes import ranked

PASSAGES = ranked(
    "The bridge was built by Anna Lehr in 1904. It carries 10³ carts and covers 40 m². Rule 4 (2) applies.",
    "Two (2) doors lead to the tower.",
    "The ferry leaves at nine.",
)


def shown(answer: str) -> tuple[str, list[int]]:
    cited = normalize_citations(answer, PASSAGES)
    verified = verify_citations("Who built the bridge?", cited.text, PASSAGES, cited.assumed)
    return verified.text, [citation.n for citation in verified.citations]


@pytest.mark.parametrize(
    "mark",
    [
        "[1, p. 2]", "[1: bridge.pdf]", "[S1]", "([1])", "(see [1])", "([1](#1))", "(Quelle 1)", "(source: passage 1)",
        "[passage 1, passage 1]", "[1]", "【1】", "【1†L1-L3】", "[citation:1]", "[citation: 1]", "[cite: 1]",
        "[^1]", "[^1^]", "[Source 1]", "［１］", "[n=1]", '[passage n="1"]', "[passage_1]", "[Passage 1: The bridge]",
        "[#1]",
        "[ref. 1]", "[[1]]", "[[1](#ref-1)]", "[[1]](#ref-1)", "[1](#ref-1)", "\\[1\\]", "**[1]**", "*[1]*",
        "`[1]`", "<sup>[1]</sup>", "<cite>1</cite>", "<cite>[1]</cite>", '<cite n="1"/>', "<ref>1</ref>",
        '<a href="#1">[1]</a>', '<passage n="1">', "^[1]", "$^{[1]}$", "(passage 1)", "(Source: 1)",
        "(see passage 1)", "（来源1）", "(1)", "（1）", "¹", "<sup>1</sup>", "\u202f[1]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("gap", ["", " "])
def test_normalize_citations__all_forms_are_read(mark: str, gap: str) -> None:
    sentence = "The bridge was built by Anna Lehr in 1904"
    assert shown(f"{sentence}{gap}{mark}.") == (f"{sentence} [1].", [1])


@pytest.mark.parametrize(
    "answer",
    [
        "The bridge was built by Anna Lehr in 1904. (1)",
        "The bridge was built by Anna Lehr in 1904.¹",
        "The bridge was built by Anna Lehr in 1904.¹ The ferry leaves at nine.³",
        "The bridge was built by Anna Lehr (1), and the ferry leaves at nine (3).",
        "According to passage 1, the bridge was built by Anna Lehr.",
        "根据资料1，Anna Lehr 建于1904年。",
    ],
)
def test_normalize_citations__other_places(answer: str) -> None:
    text, numbers = shown(answer)
    assert 1 in numbers
    assert "(1)" not in text
    assert "¹" not in text


@pytest.mark.parametrize(
    "answer",
    [
        "The bridge was built by Anna Lehr (1904).",
        "The bridge carries 10³ carts.",
        "The bridge covers 40 m².",
        "The tower has two (2) doors.",
        "(1) The bridge was built, and (2) it carries carts.",
        "1) The bridge was built.\n2) It carries carts.",
        "Rule 4 (2) applies.",
        "The ferry leaves at nine (9).",
        "Volume is given in cm³ or m³.",
        "The value is x².",
        "The bridge was built by Anna Lehr (chapter 1).",
        "Sources say that the bridge was built by Anna Lehr.",
    ],
)
def test_normalize_citations__numbers_of_the_text_are_none(answer: str) -> None:
    cited = normalize_citations(answer, PASSAGES)
    assert (cited.text, cited.has_citations, cited.assumed) == (answer, False, ())


def test_normalize_citations__loose_forms_count_only_without_brackets() -> None:
    answer = "The bridge was built by Anna Lehr [1]. The tower has doors (2). It measures 40³."
    assert normalize_citations(answer, PASSAGES).text == answer


@pytest.mark.parametrize(
    "listed",
    [
        "Sources: [1]",
        "Source: [1], [3]",
        "**Sources:** 1, 3",
        "Sources:\n[1] bridge.pdf\n[3] ferry.pdf",
        "## References\n\n1. bridge\n3. ferry",
        "**References**\n1. bridge.md\n",
        "References:\n- [1] bridge.md",
        "来源：[1]",
        "---\n**Sources**\n- [1] bridge",
        "[1] bridge.pdf",
        "[^1]: bridge.pdf\n[^3]: ferry.pdf",
    ],
)
def test_normalize_citations__list_of_sources(listed: str) -> None:
    sentence = "The bridge was built by Anna Lehr in 1904."
    assert shown(f"{sentence}\n\n{listed}") == (f"{sentence} [1]", [1])
    assert shown(f"{sentence[:-1]} [1].\n\n{listed}") == (f"{sentence[:-1]} [1].", [1])


def test_normalize_citations__list_of_sources_is_checked_per_sentence() -> None:
    answer = "The bridge was built by Anna Lehr. Bananas are yellow. The ferry leaves at nine.\n\nSources: [1] [3]"
    text, numbers = shown(answer)
    assert text == "The bridge was built by Anna Lehr. [1] Bananas are yellow. The ferry leaves at nine. [3]"
    assert numbers == [1, 3]


@pytest.mark.parametrize(
    "line", ["- Year: 1904 [1]", "- **Year:** 1904 [1]", "Year: 1904 [1]", "* Builder: Anna Lehr [1]"]
)
def test_verify_citations__labelled_value_keeps_its_citation(line: str) -> None:
    assert shown(f"- Bridge: built by Anna Lehr [1]\n{line}") == (f"- Bridge: built by Anna Lehr [1]\n{line}", [1])


def test_verify_citations__labelled_value_of_another_passage() -> None:
    assert shown("- Year: 1904 [3]") == ("- Year: 1904", []) or shown("- Year: 1904 [3]") == ("", [])


@pytest.mark.parametrize(
    "hostile",
    ["[" * 20_000, "[[1]" * 5000, "<cite>" * 5000, "(1" * 10_000, "¹" * 20_000, "Sources:\n" * 5000, "\\[" * 10_000],
)
def test_normalize_citations__long_runs(hostile: str) -> None:
    normalize_citations(f"The bridge was built [1]. {hostile}", PASSAGES)
    normalize_citations(f"The bridge was built. {hostile}", PASSAGES)
