"""The inputs of ../shared/field about records and mail give what their README.txt calls right."""

import pytest

from pipeline.types import Unread
from tests.reading import read


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("csv-lines-above-header/title_lines.csv", [
            "Report of the seed bank\nGenerated 2026-02-01\n\n| Seed | Grams | Drawer |\n| --- | --- | --- |\n",
            "| Flax | 250 | D9 |"]),
        ("faq-answers-with-the-question/faq.txt", [
            "Q: Can I bring my dog?\nA: Dogs are welcome on the meadow pitches, at 3 euros a night.",
            "Q: When is the reception open?\nA: From eight in the morning to ten at night."]),
        ("faq-answers-with-the-question/layout.txt", [
            "| Stop | Mon-Fri | Sat | Sun |\n| --- | --- | --- | --- |\n", "| School | 07:22 | 08:52 | -- |"]),
        ("faq-answers-with-the-question/gridtable.rst", [
            "| Harbour | High water |\n| --- | --- |\n| Norderby | 04:12 |\n| Sandvig | 05:37 |"]),
        ("faq-answers-with-the-question/whatsapp.txt", [
            ("Ole (12.03.26, 18:04:11): Where do we meet on Saturday?\n\n"
            "Nadia (12.03.26, 18:05:40): At the north pier, quarter past eight")]),
        ("eml-attachments-html/midsummer.eml", ["| Music | Elin and the band Hulder |", "the bonfire is lit at 21:45"]),
        ("eml-attachments-html/mill_key.eml", ["Müller Grün.\n\n", "Code 5518"]),
        ("eml-attachments-html/lighthouse.mhtml", ["Tours to the lamp room start at 14:20 and cost 8€ per person."]),
    ],
)  # fmt: skip
def test_field__text_is_stored_as_records(shared, path, parts):
    file = shared / "field" / path
    document = read(file.name, file.read_bytes())
    text = "\n\n".join(block.text for block in document.blocks)
    assert document.unread == ()
    for part in parts:
        assert part in text


def test_field__mail_attachments_have_their_names_as_headings(shared):
    file = shared / "field" / "eml-attachments-html" / "midsummer.eml"
    headings = {block.headings[0] for block in read(file.name, file.read_bytes()).blocks if block.headings}
    assert headings == {"Attachment: tasks.csv", "Attachment: toys.docx"}


def test_field__notebook_without_base64(shared):
    file = shared / "field" / "ipynb-base64" / "rainfall.ipynb"
    document = read(file.name, file.read_bytes())
    assert document.title == "Rainfall study"
    assert document.unread == (Unread("images", 1),)
    assert "mean rainfall 71.3 mm" in document.blocks[0].text
    assert sum(len(block.text) for block in document.blocks) < 500
