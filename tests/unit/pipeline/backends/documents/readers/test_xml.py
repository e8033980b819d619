"""Records of XML stay together with their attributes; text is read as it stands."""

import pytest

from tests.reading import read, text_of


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<r><i id='37'><n>Door &amp; &lt;x&gt;</n><v unit='mm'>5</v></i><i id='38'><n><![CDATA[a < b]]></n></i></r>",
         "id: 37\nn: Door & <x>\nv: 5 (unit: mm)\n\nid: 38\nn: a < b"),
        ("<list><row id='1' n='A &lt; b'/><row id='2' n='B'/></list>", "- row: id: 1; n: A < b\n- row: id: 2; n: B"),
        ("<phones><p>1</p><p>2</p></phones>", "- p: 1\n- p: 2"),
        ("<club lang='en'><name>Mill</name><board><head>Ida</head><tel>1</tel><tel>2</tel></board><fee>5</fee></club>",
         "lang: en\nname: Mill\n\nhead: Ida\ntel: 1\ntel: 2\n\nfee: 5"),
        ("<p><q>&lt;p&gt;Hi &amp;lt; 3&lt;/p&gt;</q><w>5 &lt; 6</w></p>", "q: Hi < 3\nw: 5 < 6"),
    ],
)  # fmt: skip
def test_records__keep_their_fields_attributes_and_brackets(source: str, text: str) -> None:
    """Each record is a paragraph; what only looks like a tag stays."""
    assert text_of("parts.xml", f"<?xml version='1.0'?>{source}") == text


def test_items__outside_a_feed_are_no_headings() -> None:
    """Only feeds have entries with titles."""
    assert read("parts.xml", "<?xml version='1.0'?><r><item><n>Door</n></item></r>").title == "parts"


def test_feed__has_a_section_per_entry() -> None:
    """The title of an entry is its heading, its HTML is read as text."""
    feed = (
        "<rss><channel><title>News</title><item><title>One</title><description>&lt;p&gt;Hi&lt;/p&gt;</description>"
        "</item></channel></rss>"
    )
    document = read("feed.xml", f"<?xml version='1.0'?>{feed}")
    assert document.title == "News"
    assert document.blocks[-1].headings[-1] == "One"
    assert "Hi" in document.blocks[-1].text
