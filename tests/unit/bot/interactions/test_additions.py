from types import SimpleNamespace

import pytest

from bot.cogs.ingest import collect_items
from bot.interactions.additions import attachment_item, link_item, text_item
from bot.locales.texts import texts_for
from bot.render.split import utf16_length
from bot.services.refusals import Refusal
from bot.views.forms import build_about_form, build_gap_form, build_text_form, read_fields

EN = texts_for("en-US")


def attachment(name="a.pdf", size=10):
    return SimpleNamespace(filename=name, size=size, content_type="application/pdf", url="http://127.0.0.1/a")


def test_attachment_item__within_the_limit():
    item = attachment_item(attachment(size=100), 100, "https://discord.com/channels/1/2/3")
    assert (item.addition.name, item.addition.media_type) == ("a.pdf", "application/pdf")
    assert item.addition.origin == "https://discord.com/channels/1/2/3"


@pytest.mark.parametrize(("size", "key"), [(0, "refusal-file-empty"), (101, "refusal-file-too-large")])
def test_attachment_item__is_refused_before_the_download(size, key):
    with pytest.raises(Refusal) as refused:
        attachment_item(attachment("`evil` @everyone.pdf", size), 100)
    assert refused.value.key == key
    assert "@everyone" not in str(refused.value)


@pytest.mark.parametrize("link", ["https://example.org/a?b=c#d", "HTTP://EXAMPLE.ORG", " <https://example.org/x> "])
def test_link_item__accepts_web_links(link):
    assert link_item(link).addition.url == link.strip().strip("<>")
    assert link_item(link).addition.origin == link_item(link).addition.url


@pytest.mark.parametrize(
    "link",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://",
        "javascript:alert(1)",
        "https://[::1",
        "https://a b",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_link_item__refuses_invalid_links(link):
    with pytest.raises(Refusal):
        link_item(link)


def test_text_item__is_named_by_its_title():
    item = text_item("Two hours at most.", "  Assembly \n hall ")
    assert (item.addition.name, item.addition.identity) == ("Assembly hall.md", "")
    assert item.content == b"# Assembly hall\n\nTwo hours at most."


def test_text_item__without_a_title_is_named_by_its_beginning():
    one, same, other = (
        text_item("Two hours.\nBring a key."),
        text_item(" Two hours.\nBring a key. "),
        text_item("Two hours."),
    )
    assert one.addition.name == "Two hours. Bring a key.md"
    assert one.addition.identity == same.addition.identity != other.addition.identity


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (
            "The workshop closes at 22:00, and the last one to leave switches off the extraction, please.",
            "The workshop closes at 22:00, and the last one to leave",
        ),
        ("# Rules\n\nBe kind.", "Rules Be kind"),
        ("短" * 80, "短" * 60),
        ("w" * 80, "w" * 60),
        ("***", "text"),
    ],
)
def test_text_item__title_ends_at_a_word(text, title):
    addition = text_item(text).addition
    assert (addition.title, addition.name) == (title, f"{title}.md")


def test_text_item__of_an_edited_message_keeps_its_identity():
    first = text_item("Old", identity="message-7").addition
    second = text_item("New", identity="message-7").addition
    assert first.identity == second.identity == "message-7.md"


def test_text_item__refuses_whitespace_and_accepts_any_text():
    with pytest.raises(Refusal):
        text_item(" \n\t ")
    assert text_item("half \ud800 pair\x00").content is not None


def test_collect_items__each_thing_for_itself():
    items, refused = collect_items(
        [
            lambda: attachment_item(attachment("a.pdf"), 100),
            lambda: attachment_item(attachment("b.pdf", 0), 100),
            lambda: attachment_item(attachment("a.pdf"), 100),
            lambda: link_item("nothing"),
            lambda: text_item("Text"),
        ]
    )
    assert [item.addition.name for item in items] == ["a.pdf", "Text.md"]
    assert [refusal.key for refusal in refused] == ["refusal-file-empty", "refusal-same-name", "refusal-invalid-link"]


def test_forms__come_back_as_they_were_filled_in():
    sent = {
        "custom_id": "rd:text:2",
        "components": [
            {"type": 18, "component": {"type": 4, "custom_id": "title", "value": "Hall"}},
            {"type": 1, "components": [{"type": 4, "custom_id": "text", "value": "Two hours."}]},
            {"type": 18, "component": {"type": 4, "custom_id": "empty", "value": None}},
        ],
    }
    assert read_fields(sent) == {"title": "Hall", "text": "Two hours.", "empty": ""}
    assert read_fields({}) == {}


def test_forms__carry_what_they_need_in_their_custom_id():
    form = build_text_form(EN, title="Hall", visible="channel").to_dict()
    assert form["custom_id"] == "rd:text:2"
    assert form["components"][0]["component"]["value"] == "Hall"
    about = build_about_form(EN, about="x" * 5000).to_dict()
    assert about["custom_id"] == "rd:about:0"
    assert len(about["components"][1]["component"]["value"]) == 4000
    assert about["components"][0]["component"]["required"] is False


def test_forms__long_texts_of_users_fit_into_their_fields():
    gap = build_gap_form(EN, query_id=5, question="🙂" * 400).to_dict()
    about = build_about_form(EN, about="🙂" * 4000).to_dict()
    for field, limit in ((gap["components"][0], 300), (about["components"][1], 4000)):
        assert field["component"]["max_length"] == limit
        assert utf16_length(field["component"]["value"]) <= limit
