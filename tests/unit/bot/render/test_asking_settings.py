"""Who may ask where, as `/settings` shows it."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.asking_settings import ExistingParts
from bot.render.settings import render_settings
from config.settings import Settings
from db.workspace_settings import ChannelRule, WorkspaceSettings
from tests.bot_factories import CHANNEL, PERSON
from tests.message_checks import HOSTILE, check_message

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
DEFAULTS = Settings(_env_file=None)
EXISTING = ExistingParts(roles={PERSON}, channels={CHANNEL})
ROLE = f"<@&{PERSON}>"


def shown(settings: WorkspaceSettings, existing: ExistingParts | None = EXISTING) -> str:
    return check_message(render_settings(settings, DEFAULTS, EN, existing=existing)).embeds[0].description or ""


def test_settings__who_may_ask():
    assert "**Who can ask** · everyone (default)" in shown(WorkspaceSettings())
    assert "**Who can ask** · everyone\n" in shown(WorkspaceSettings(ask_roles=()))
    assert f"members with {ROLE} {ROLE} and managers" in shown(WorkspaceSettings(ask_roles=(PERSON, PERSON)))
    assert "**Questions from direct messages** · allowed (default)" in shown(WorkspaceSettings())
    assert "**Questions from direct messages** · not allowed\n" in shown(WorkspaceSettings(direct_messages=False))
    assert "Who can ask" not in shown(WorkspaceSettings(), None), "a personal library"


def test_settings__of_channels():
    rules = {
        CHANNEL: ChannelRule(answers="private", threads=True, ask_roles=(PERSON,)),
        "302": ChannelRule(answers="public"),
    }
    text = shown(WorkspaceSettings(channel_rules=rules))
    line = f"- <#{CHANNEL}>: private answers; a thread on each answer; can ask: members with {ROLE} and managers"
    assert line in text
    assert "- (deleted channel): public answers" in text
    assert "Channels with different settings" not in shown(WorkspaceSettings())


def test_settings__mark_what_was_deleted():
    settings = WorkspaceSettings(
        ask_roles=(PERSON, "9"), ingest_by="role", ingest_role="9", public_channels=(CHANNEL, "999")
    )
    text = shown(settings)
    assert f"members with {ROLE} (deleted role) and managers" in text
    assert "**Who can add documents** · members with (deleted role) and managers" in text
    assert f"**Public answers in** · <#{CHANNEL}> (deleted channel)" in text
    unknown = WorkspaceSettings(ask_roles=(PERSON,), public_channels=(CHANNEL,))
    assert "deleted" not in shown(unknown, ExistingParts()), "nothing is known about the server yet"


def test_settings__many_channels_hide_no_other_setting():
    rule = ChannelRule(ask_roles=(PERSON,) * 10, answers="public")
    rules = {str(number): rule for number in range(99)}
    settings = WorkspaceSettings(channel_rules=rules, updated_by=PERSON)
    text = shown(settings)
    assert "**Documents** ·" in text
    assert f"<@{PERSON}>" in text
    listed = text.count("public answers; can ask")
    assert text.endswith(f"… and {99 - listed} more")


@pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
def test_settings__hostile_and_full(t):
    rules = {str(number): ChannelRule(ask_roles=(HOSTILE, PERSON) * 100, answers="public") for number in range(500)}
    settings = WorkspaceSettings(ask_roles=(HOSTILE,) * 100, channel_rules=rules | {HOSTILE: ChannelRule()})
    check_message(render_settings(settings, DEFAULTS, t, existing=EXISTING))
