"""Recognise chat exports in JSON by their fields: Discord, Slack, Telegram, Matrix, and logs of chat models."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.backends.documents.readers.chat_text import format_message

_TEXT_KEYS = ("content", "text", "message", "body", "msg")
_AUTHOR_KEYS = (
    "author",
    "from",
    "sender_name",
    "sender",
    "user_profile",
    "username",
    "user_name",
    "user",
    "name",
    "role",
    "actor",
)
_TIME_KEYS = (
    "timestamp",
    "date",
    "ts",
    "time",
    "created_at",
    "createdAt",
    "timestamp_ms",
    "sent_at",
    "origin_server_ts",
    "datetime",
)
_NAME_KEYS = (
    "nickname",
    "global_name",
    "display_name",
    "real_name",
    "displayName",
    "name",
    "username",
    "login",
    "role",
)
# Fields of messages that carry nothing that people read. A record with other fields is data, not a message.
_OTHER_KEYS = frozenset({
    "action", "actor_id", "annotations", "app_id", "application_id", "attachments", "audio", "audio_files",
    "author_id", "avatar", "avatarUrl", "avatar_url", "blocks", "bot_id", "bot_profile", "bumped_message_metadata",
    "callEndedTimestamp", "channel", "channel_id", "client_msg_id", "color", "components", "contact_information",
    "date_unixtime", "display_as_bot", "duration_seconds", "edited", "edited_timestamp", "edited_unixtime",
    "embeds", "event_id", "file", "file_name", "file_size", "files", "flags", "forwarded_from", "from_id",
    "function_call", "gifs", "guid", "height", "icons", "id", "inlineEmojis", "inline_bot_buttons", "interaction",
    "isBot", "isPinned", "is_bot", "is_geoblocked_phrases", "is_locked", "is_taken_down", "is_unsent", "last_read",
    "latest_reply", "location_information", "media_type", "members", "mention_everyone", "mention_roles",
    "mentions", "messageId", "message_id", "message_reference", "metadata", "mime_type", "nonce",
    "original_server_ts", "parent_id", "parent_user_id", "permalink", "photo", "photo_file_size", "photos",
    "pinned", "poll", "position", "quote", "reactions", "reference", "referenced_message", "refusal", "replyTo",
    "reply_count", "reply_to", "reply_to_message_id", "reply_users", "reply_users_count", "room_id", "sender",
    "share", "source_team", "sticker_emoji", "stickers", "subscribed", "subtype", "team", "text_entities",
    "thread", "thread_ts", "thumbnail", "thumbnail_file_size", "timestampEdited", "title", "tool_calls", "tts",
    "type", "unsigned", "upload", "user_team", "uuid", "via_bot", "videos", "webhook_id", "weight", "width",
    "x_files",
})  # fmt: skip
_EVENT_KEYS = frozenset({"action", "actor"})
_MENTION = re.compile(r"<@[!&]?([A-Z0-9]+)(?:\|([^>]+))?>")
_SLACK_LINK = re.compile(r"<(https?://[^|>]+)(?:\|([^>]+))?>")
_MAX_QUOTED_CHARS = 80
_SAMPLE_RECORDS = 50
_ENOUGH = 0.8
"""Share of the records that must be messages."""

Record = Mapping[str, Any]


def find_chat(value: Any) -> tuple[str | None, list[str]] | None:
    """Return the title and the messages of a chat export, one text per message; None for other data."""
    title: str | None = None
    if isinstance(value, dict):
        title = _find_title(value)
        value = value.get("messages")
    if not isinstance(value, list):
        return None
    records = [record for record in value if isinstance(record, dict)]
    if len(records) < _ENOUGH * len(value):
        return None
    for sample in (records[:_SAMPLE_RECORDS], records):
        if not sample or sum(map(_is_message, sample)) < _ENOUGH * len(sample):
            return None
    if all(_is_newest_first(pair) for pair in itertools.pairwise(records)):
        records.reverse()
    by_id = {str(record[key]): record for record in records for key in ("id", "ts", "client_msg_id") if key in record}
    texts = [_format(record, by_id) for record in records]
    return title, [text for text in texts if text]


def _find_title(export: Record) -> str | None:
    channel, guild = export.get("channel"), export.get("guild")
    if isinstance(channel, dict) and channel.get("name"):
        server = str(guild["name"]) + " " if isinstance(guild, dict) and guild.get("name") else ""
        return f"{server}#{channel['name']}"
    title = export.get("name") or export.get("title")
    return title if isinstance(title, str) else None


def _is_message(record: Record) -> bool:
    keys = set(record)
    has_text = any(isinstance(record.get(key), (str, list, dict)) for key in _TEXT_KEYS) or keys >= _EVENT_KEYS
    has_author = any(record.get(key) for key in _AUTHOR_KEYS)
    has_time = any(key in record for key in _TIME_KEYS) or "role" in record
    known = {*_TEXT_KEYS, *_AUTHOR_KEYS, *_TIME_KEYS, *_OTHER_KEYS}
    return has_text and has_author and has_time and keys <= known and not ("title" in keys and "body" in keys)


def _is_newest_first(pair: tuple[Record, Record]) -> bool:
    first, second = (str(next((record[key] for key in _TIME_KEYS if key in record), "")) for record in pair)
    return first >= second and first != ""


def _format(record: Record, by_id: Mapping[str, Record]) -> str:
    text = _read_text(record)
    files = [name for key in ("attachments", "files") for name in _read_files(record.get(key))]
    parts = [part for part in (text, f"[{', '.join(files)}]" if files else "") if part]
    if not parts:
        return ""
    return format_message(_read_author(record), _read_time(record), _read_reply(record, by_id) + "\n".join(parts))


def _read_reply(record: Record, by_id: Mapping[str, Record]) -> str:
    """Return whom a message answers, with the beginning of what was said."""
    reference = record.get("reference") or record.get("message_reference") or {}
    parent = reference.get("messageId") or reference.get("message_id") if isinstance(reference, dict) else None
    parent = parent or record.get("reply_to_message_id") or record.get("thread_ts")
    answered = by_id.get(str(parent)) if parent else None
    if answered is None or answered is record:
        return ""
    quoted = " ".join(_read_text(answered).split())
    shown = quoted if len(quoted) <= _MAX_QUOTED_CHARS else quoted[:_MAX_QUOTED_CHARS].rpartition(" ")[0] + " …"
    return f"(reply to {_read_author(answered)}: {shown}) " if shown else ""


def _read_text(record: Record) -> str:
    if "action" in record and not record.get("text"):
        values = [record.get("action"), record.get("title"), *_get_list(record, "members")]
        return " ".join(str(value).replace("_", " ") for value in values if value)
    for key in _TEXT_KEYS:
        value = record.get(key)
        if value:
            return _join_text(value).strip()
    return ""


def _get_list(record: Record, key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []


def _join_text(value: Any) -> str:
    if isinstance(value, str):
        text = _SLACK_LINK.sub(lambda match: f"[{match[2]}]({match[1]})" if match[2] else match[1], value)
        return _MENTION.sub(lambda match: f"@{match[2] or match[1]}", text)
    if isinstance(value, dict):
        return _join_text(value.get("text") or value.get("body") or value.get("parts") or "")
    return "".join(map(_join_text, value)) if isinstance(value, list) else ""


def _read_author(record: Record) -> str:
    for key in _AUTHOR_KEYS:
        value = record.get(key)
        if isinstance(value, dict):
            value = next((value[name] for name in _NAME_KEYS if value.get(name)), None)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return "?"


def _read_time(record: Record) -> str:
    value = next((record[key] for key in _TIME_KEYS if record.get(key)), "")
    if re.fullmatch(r"\d{10}(?:\d{3})?(?:\.\d+)?", str(value)):
        seconds = float(value) / (1000 if len(str(value).partition(".")[0]) > 10 else 1)
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)", str(value))
    return f"{match[1]} {match[2]}" if match else str(value)


def _read_files(files: Any) -> Sequence[str]:
    if not isinstance(files, list):
        return []
    names = [
        file.get("fileName") or file.get("filename") or file.get("name") for file in files if isinstance(file, dict)
    ]
    return [str(name) for name in names if name]
