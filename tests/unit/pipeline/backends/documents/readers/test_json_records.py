"""JSON: each value once, records stay together, and chats become messages."""

import json
from typing import Any

import pytest

from pipeline.backends.documents.readers import json_records
from pipeline.errors import FileTooLarge
from tests.reading import read, text_of


def test_json__flat_records_become_a_table():
    rows = [{"id": 1, "name": "Anna", "town": None}, {"id": 2, "name": "Bo", "town": "Kiel"}]
    assert (
        text_of("a.json", json.dumps(rows))
        == "| id | name | town |\n| --- | --- | --- |\n| 1 | Anna |  |\n| 2 | Bo | Kiel |"
    )


def test_json__nested_record_is_one_paragraph():
    issues: list[dict[str, object]] = [
        {"number": number, "user": {"login": "anna"}, "labels": [{"name": "bug"}], "body": "Fails.\n\nAlways."}
        for number in (37, 38)
    ]
    assert text_of("issues.json", json.dumps(issues)).split("\n\n") == [
        f"number: {number}\nuser.login: anna\nlabels: name: bug\nbody: Fails.\nAlways." for number in (37, 38)
    ]


def test_json__long_records_carry_their_name_as_heading():
    issues: list[dict[str, object]] = [
        {"number": number, "title": f"Pump {number}", "a": {}, "body": "It fails. " * 120} for number in (37, 38)
    ]
    document = read("issues.json", json.dumps(issues))
    assert [block.headings for block in document.blocks] == [("37 Pump 37",), ("38 Pump 38",)]
    assert document.title == "issues"


def test_json__settings_keep_their_path():
    settings = {"name": "desk", "server": {"port": 8080, "tls": {"on": True}}, "tags": ["a", "b"]}
    assert text_of("a.json", json.dumps(settings)) == "name: desk\nserver.port: 8080\nserver.tls.on: true\ntags: a, b"


def test_json__records_inside_an_object():
    text = text_of("a.json", json.dumps({"total": 2, "items": [{"id": 1, "price": 3}, {"id": 2, "price": 5}]}))
    assert text == "total: 2\n\nitems:\n\n| id | price |\n| --- | --- |\n| 1 | 3 |\n| 2 | 5 |"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.txt"])
def test_json_lines__are_found_by_their_content(name):
    document = read(name, '{"id": 1, "x": {"y": 2}}\n\n{"id": 2, "x": {"y": 3}}\nnot json\n')
    assert document.media_type == "application/x-ndjson"
    assert document.blocks[0].text == "id: 1\nx.y: 2\n\nid: 2\nx.y: 3\n\nnot json"


def test_json__that_is_not_valid_is_read_as_text():
    text = '{"port": 1, // comment\n "x": 2,}'
    assert text_of("a.json", text) == text


CHATS: dict[str, Any] = {
    "discord": {"guild": {"name": "Club"}, "channel": {"name": "boats"}, "messages": [
        {"id": "10", "type": "Default", "timestamp": "2026-03-04T18:22:00+00:00", "content": "Where is the key?",
         "author": {"id": "5", "name": "anna", "nickname": "Anna"}, "attachments": []},
        {"id": "11", "type": "Reply", "timestamp": "2026-03-04T18:23:00+00:00", "content": "Under\n\nthe mat.",
         "author": {"id": "6", "name": "bo", "nickname": "Bo"}, "reference": {"messageId": "10"}}]},
    "slack": [
        {"type": "message", "user": "U1", "user_profile": {"real_name": "Anna"}, "ts": "1772648520.0001",
         "text": "Where is the key?"},
        {"type": "message", "user": "U2", "user_profile": {"real_name": "Bo"}, "ts": "1772648580.0001",
         "thread_ts": "1772648520.0001", "text": "Under\nthe mat."}],
    "telegram": {"name": "Boats", "id": 1, "messages": [
        {"id": 1, "type": "message", "date": "2026-03-04T18:22:00", "from": "Anna", "from_id": "u1",
         "text": ["Where is ", {"type": "bold", "text": "the key?"}], "text_entities": []},
        {"id": 2, "type": "message", "date": "2026-03-04T18:23:00", "from": "Bo", "reply_to_message_id": 1,
         "text": "Under\nthe mat."}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", CHATS)
def test_chat__messages_are_records_and_replies_name_what_they_answer(kind):
    assert text_of("chat.json", json.dumps(CHATS[kind])).split("\n\n") == [
        "Anna (2026-03-04 18:22): Where is the key?",
        "Bo (2026-03-04 18:23): (reply to Anna: Where is the key?) Under\nthe mat.",
    ]


def test_chat__newest_first_is_put_in_order():
    newest_first = json.dumps(CHATS["slack"][::-1])
    assert text_of("chat.json", newest_first) == text_of("chat.json", json.dumps(CHATS["slack"]))


def test_chat__records_with_other_fields_are_data():
    reviews = [{"author": "Anna", "date": "2026-01-01", "text": "Bright", "rating": 5}]
    assert "| author | date | text | rating |" in text_of("reviews.json", json.dumps(reviews))


def test_json__that_is_too_large_is_rejected_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(json_records, "MAX_JSON_MB", 0)
    with pytest.raises(FileTooLarge, match="1 MB of JSON"):
        read("a.json", "[" + '{"id": 1}, ' * 100_000 + "1]")
