"""What a word processor shows of an RTF file is what is read."""

from __future__ import annotations

import pytest

from pipeline.backends.documents.extraction import extract
from pipeline.types import ParsedDocument, Source, Unread

FONTS = r"{\fonttbl{\f0 Arial;}{\f1\fcharset204 Times;}{\f2\fcharset2 Symbol;}{\f3\fcharset128 MS Gothic;}}"


def read(body: str) -> ParsedDocument:
    content = rf"{{\rtf1\ansi\ansicpg1252\deff0{FONTS}{body}}}"
    return extract(Source("rules.rtf", content.encode("latin-1")), max_unpacked_mb=50)


def text_of(body: str) -> str:
    return "\n\n".join(block.text for block in read(body).blocks)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"costs 7 if > 3 & < 10 \{a\}", "costs 7 if > 3 & < 10 {a}"),
        (r"Rye\tab 4.20\line Part\_time hy\-phen\~x", "Rye\t4.20\nPart-time hyphen\u00a0x"),
        (r"10{\super 3} m, H{\sub 2}O", "10³ m, H₂O"),
        (r"{\strike Meet at gate 1.} Meet at gate 4.", "~~Meet at gate 1.~~ Meet at gate 4."),
        (r"holds {\deleted 60}{\revised 75} guests", "holds ~~60~~ 75 guests"),
        (r"\strike old\strike0  new {\striked1 older}\plain  end", "~~old~~ new ~~older~~ end"),
        (r"\'fcber {\f1 \'cf\'f0\'e8\'e2\'e5\'f2}", "über Привет"),
        (r"{\f3 \'93\'fa\'96{\f3 \'7b}}", "日本"[:1] + "\ufffd{"),
        (r"{\f3 \'93\'fa\'96\'7b}", "日本"),
        (r"{\f3 \'83A}", "ア"),
        (r"\u8364? \u-10179?\u-8704? {\uc2 \u228ab}c", "€ 😀 äc"),
        (r"{\f2 \'61} = {\f2\u-4000?}", "α = `"[:4] + "‾"),
        (r'{\field{\*\fldinst HYPERLINK "https://example.org/x"}{\fldrslt here}}', "[here](https://example.org/x)"),
        (r"{\field{\*\fldinst REF x}{\fldrslt Table 2}}", "Table 2"),
        (r"Pay 20{\super\chftn}{\footnote {\super\chftn} In cash.} now", "Pay 20 ¹ now\n\nNote 1: In cash."),
        (r"Bus{\*\atnid V}{\*\atnauthor Vera}\chatn{\*\annotation At 6:45}", "Bus\n\nComment by Vera: At 6:45"),
        (r"{\listtext 1.\tab}a\par{\listtext\f2 \'b7\tab}b\par\ilvl1{\listtext (c)\tab}c", "1. a\n- b\n  (c) c"),
        (r"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt Gate 7\par}}}", "Gate 7"),
        (r"kept {\*\unknown lost}{\pict\wmetafile8 0123}", "kept"),
    ],
)
def test_text__is_what_is_shown(body, expected):
    assert text_of(body) == expected


def test_table__spreads_merged_cells():
    row = r"\trowd{}\cellx1000{}\cellx2000\cellx3000\intbl {}\cell {}\cell {}\cell\row"
    body = r"\trowd\trhdr\cellx1000\cellx3000\intbl Pitch\cell Season\cell\row"
    body += row.format(r"\trhdr", "", "", "Low", "High") + row.format(r"", "", "Wood", r"A {\strike 9}", "13")
    body += row.format(r"\clvmrg", "", "", "8", "12") + r"\pard After.\par"
    header = "| Pitch | Season Low | Season High |\n| --- | --- | --- |\n"
    assert text_of(body) == f"{header}| Wood | A ~~9~~ | 13 |\n| Wood | 8 | 12 |\n\nAfter."


def test_headings_title_and_margins():
    body = r"{\stylesheet{\s0 Normal;}{\s1 heading 1;}}{\info{\title Pool rules}{\author X}}"
    body += r"{\header Valid from 1 May\par}"
    body += r"{\footer Call 7788\par Page {\field{\*\fldinst PAGE}{\fldrslt 1}}\par}{\headerf Valid from 1 May\par}"
    body += r"\pard\s1 Opening\par\pard\s0 Daily.\par\pard\outlinelevel1 Winter\par\pard Closed.\par"
    document = read(body)
    assert document.title == "Pool rules"
    assert [(block.headings, block.text) for block in document.blocks] == [
        ((), "Valid from 1 May"),
        (("Opening",), "Daily."),
        (("Opening", "Winter"), "Closed.\n\nCall 7788"),
    ]


def test_hidden_text_and_objects__are_reported():
    document = read(r"Shown {\v secret}\par {\object\objemb{\*\objclass Package}{\*\objdata 0105}{\result Plan}}\par")
    assert [block.text for block in document.blocks] == ["Shown\n\nPlan"]
    assert document.unread == (
        Unread("attachments", 1, where="Package"),
        Unread("other", 1, where="Hidden text in 1 paragraph was left out."),
    )


@pytest.mark.parametrize(
    "body",
    ["{" * 100_000 + "deep", "open {\\b", "}}}} closed", "x\\", "\\u", r"\bin99999999 x", "{\\footnote " * 3_000],
)
def test_damage__is_read_without_a_crash(body):
    assert "Before" in text_of(rf"Before\par {body}")
