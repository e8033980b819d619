"""Delimited files: dialects, lines around tables, and tables without a header lose no cell."""

import csv
import io
import itertools

import pytest

from pipeline.backends.documents.readers.delimited import parse_rows
from tests.reading import text_of

SEEDS = "| Seed | Grams | Drawer |\n| --- | --- | --- |\n| Poppy | 12 | D4 |\n| Flax | 250 | D9 |"
ROWS = [["id", "name", "price", "note"], ["1", "Anna", "1,50", "a; b"], ["2", 'say "hi"', "2,75", "two\nlines"],
        ["3", "Zoë", "3,00", ""], ["4", "d|e", "4,25", "plain"]]  # fmt: skip
DIALECTS = list(itertools.product(",;\t|", (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), ("\n", "\r\n"), ("", "\ufeff")))


@pytest.mark.parametrize(("delimiter", "quoting", "line_end", "mark"), DIALECTS)
def test_csv__dialect_is_detected(delimiter, quoting, line_end, mark):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows(ROWS)
    text = text_of("a.csv", mark + buffer.getvalue())
    assert text.startswith("| id | name | price | note |\n| --- | --- | --- | --- |\n| 1 | Anna | 1,50 | a; b |")
    assert '| 2 | say "hi" | 2,75 | two lines |' in text
    assert "| 4 | d\\|e | 4,25 | plain |" in text


@pytest.mark.parametrize(
    "head",
    ["Report of the seed bank\n", "Report of the seed bank\nGenerated 2026-02-01\n\n", "Report of the seed bank,,\n",
     "# Report of the seed bank\n", "Report of the seed bank\n\n\nStation,Norderney\nHeight,11 m\n\n"],
)  # fmt: skip
def test_csv__lines_above_the_header_become_paragraphs(head):
    text = text_of("a.csv", head + "Seed,Grams,Drawer\nPoppy,12,D4\nFlax,250,D9\n")
    assert text.startswith("Report of the seed bank\n")
    assert text.endswith("\n\n" + SEEDS)


def test_csv__fields_above_a_table_keep_name_and_value():
    text = text_of("a.csv", "Station,Norderney\nHeight,11 m\n\nSeed,Grams,Drawer\nPoppy,12,D4\nFlax,250,D9\n")
    assert text == f"Station: Norderney\nHeight: 11 m\n\n{SEEDS}"


def test_csv__several_tables_each_with_its_header():
    text = text_of("a.csv", "Month,Rain,Sun\nJan,71.3,40\n\nMonth,Wind\nJan,5\nFeb,6\n\nMonth,Snow\nJan,9\n")
    assert text.count("\n| --- | --- |") == 3
    assert "| Month | Wind |\n| --- | --- |\n| Jan | 5 |\n| Feb | 6 |" in text


def test_csv__blank_lines_between_rows_do_not_split_the_table():
    assert text_of("a.csv", "a,b\n\n1,2\n\n3,4\n") == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"


def test_csv__lines_below_the_table_become_a_paragraph():
    assert text_of("a.csv", "a,b\n1,2\n3,4\nSource: tide office\n").endswith("| 3 | 4 |\n\nSource: tide office")


@pytest.mark.parametrize(
    "rows",
    ["2026-01-01,12.5,4\n2026-01-02,13.5,5\n", "1,Anna,Bonn\n2,Bo,Kiel\n", "Anna,x,Bonn\nBo,y,Kiel\nCid,z,Bonn\n"],
)
def test_csv__without_a_header_the_first_row_is_data(rows):
    assert text_of("a.csv", rows).startswith("|  |  |  |\n| --- | --- | --- |\n| " + rows[: rows.index(",")])


def test_csv__years_above_numbers_are_a_header():
    assert text_of("a.csv", "Country,2019,2020\nNorway,5.3,5.4\nMali,19.7,20.3\n").startswith(
        "| Country | 2019 | 2020 |"
    )


def test_csv__settings_become_lines():
    assert (
        text_of("a.csv", "host;db.example.org\nport;5432\nuser;anna\n")
        == "host: db.example.org\nport: 5432\nuser: anna"
    )


def test_csv__ragged_rows_lose_nothing():
    text = text_of("a.csv", "a,b,c\n1,2,3\n4,5\n6,7,8,nine\n")
    assert "| a | b | c |  |" in text
    assert "| 6 | 7 | 8 | nine |" in text


def test_csv__separator_line_is_followed_and_left_out():
    assert text_of("a.csv", "sep=;\na;b\n1,5;2\n") == "| a | b |\n| --- | --- |\n| 1,5 | 2 |"


def test_csv__decimal_commas_do_not_split_a_single_column():
    assert text_of("a.csv", "Preis\n1,5\n2,5\n") == "Preis\n1,5\n2,5"


def test_csv__quote_that_is_never_closed_does_not_swallow_rows():
    assert "| 3 | x |" in text_of("a.csv", 'id,name\n1,"12 inch pipe\n2,y\n3,x\n')


@pytest.mark.parametrize(
    ("text", "cell"), [('a,b\n1,"say \\"hi\\" twice"\n', 'say "hi" twice'), ("'a','b'\n'1','x, y'\n'2','z'\n", "x, y")]
)
def test_csv__other_quotations(text, cell):
    assert parse_rows(text)[1][1] == cell


def test_tsv__cells_keep_commas():
    assert text_of("a.tsv", "a\tb\n1,5\tx, y\n2\tz\n") == "| a | b |\n| --- | --- |\n| 1,5 | x, y |\n| 2 | z |"


def test_csv__sections_with_titles_are_tables_of_their_own():
    text = text_of("a.csv", "Tools\nName,Qty\nSaw,3\nAxe,2\n\nToys\nName,Qty\nBall,7\n")
    header = "| Name | Qty |\n| --- | --- |\n"
    assert text == f"Tools\n\n{header}| Saw | 3 |\n| Axe | 2 |\n\nToys\n\n{header}| Ball | 7 |"


def test_csv__bank_statement():
    text = text_of(
        "a.csv",
        "Kontoauszug;;;\nKonto;DE12 3456;;\nZeitraum;01.01.2026 - 31.01.2026;;\n;;;\nTag;Text;Betrag;Saldo\n"
        "02.01.2026;Miete;-500,00;1.200,50\n03.01.2026;Lohn;2.000,00;3.200,50\n",
    )
    assert text.startswith(
        "Kontoauszug\nKonto: DE12 3456\nZeitraum: 01.01.2026 - 31.01.2026\n\n| Tag | Text | Betrag |"
    )


def test_csv__blank_lines_at_the_end():
    assert text_of("a.csv", "a,b\n1,2\n\n\n") == "| a | b |\n| --- | --- |\n| 1 | 2 |"
