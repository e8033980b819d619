import asyncio
from dataclasses import replace

import pytest

from bot.interactions.context import context_of, with_visible_channels
from bot.services.library import NewDocument, source_identity, visible_channels
from bot.services.request_context import RequestContext
from db.workspace_settings import ChannelRule, WorkspaceSettings
from tests import bot_guild
from tests.bot_factories import delivery

HERE = RequestContext("900", user_id="1", channel_id="301", guild_id="100", manager=False)


@pytest.fixture
def bot():
    return bot_guild.client()


def context_for(bot, **options):
    interaction = bot_guild.interaction(bot, **options)
    return asyncio.run(with_visible_channels(context_of(interaction), bot, interaction.user))


def test_context__in_a_server_with_the_bot(bot):
    context = context_for(bot, roles=(bot_guild.STAFF,), locale="zh-CN")
    assert (context.workspace, context.user_id, context.channel_id) == ("guild:100", "202", "301")
    assert context.role_ids == {"100", "110"}
    assert (context.manager, context.reachable, context.open_to_all, context.locale) == (False, True, True, "zh-CN")


def test_context__manager_by_current_permissions(bot):
    assert context_for(bot, permissions=bot_guild.TALK | bot_guild.MANAGE).manager
    assert context_for(bot, permissions=1 << 3).manager
    assert not context_for(bot).manager


def test_context__in_direct_messages_is_the_personal_workspace(bot):
    context = context_for(bot, guild=None, channel=777)
    assert (context.workspace, context.manager, context.reachable) == ("user:202", True, True)
    assert context.visible_to("channel") is None
    assert context.may_see(["1"])
    assert visible_channels(context) is None


def test_context__in_a_server_without_the_bot_is_the_personal_workspace(bot):
    context = context_for(bot, guild=555)
    assert (context.workspace, context.guild_id, context.reachable) == ("user:202", None, False)
    assert context.manager


def test_context__of_a_channel_that_the_bot_cannot_view(bot):
    assert not context_for(bot, app_permissions=0).reachable


def test_context__without_cached_roles_nothing_counts_as_open(bot):
    bot._connection._guilds[bot_guild.GUILD]._roles.clear()
    context = context_for(bot)
    assert (context.open_to_all, context.viewable_channels) == (False, ())


def test_viewable_channels__by_roles_and_overwrites(bot):
    assert context_for(bot).viewable_channels == ("301", "304")
    assert context_for(bot, roles=(bot_guild.STAFF,)).viewable_channels == ("301", "302", "304")
    assert context_for(bot, user=bot_guild.OWNER).viewable_channels == ("301", "302", "303", "304")


def test_viewable_channels__voice_needs_the_permission_to_connect(bot):
    assert "303" not in context_for(bot, roles=(bot_guild.STAFF,)).viewable_channels


@pytest.mark.parametrize(
    ("channel", "audience_channel", "public", "open_to_all"),
    [
        (bot_guild.GENERAL, "301", ("301",), True),
        (bot_guild.BOARD, "302", ("302",), False),
        (bot_guild.THREAD, "301", ("401", "301"), True),
        (bot_guild.BOARD_THREAD, "302", ("402", "302"), False),
        (bot_guild.PRIVATE_THREAD, "403", ("403", "301"), False),
    ],
)
def test_audience_channel__and_public_channels(bot, channel, audience_channel, public, open_to_all):
    context = context_for(bot, channel=channel)
    assert (context.audience_channel, context.public_channels, context.open_to_all) == (
        audience_channel,
        public,
        open_to_all,
    )


@pytest.mark.parametrize(
    ("channel", "visible", "scope"),
    [
        (bot_guild.GENERAL, None, None),
        (bot_guild.GENERAL, "channel", ("301",)),
        (bot_guild.BOARD, None, ("302",)),
        (bot_guild.BOARD, "server", None),
        (bot_guild.THREAD, None, None),
        (bot_guild.THREAD, "channel", ("301",)),
        (bot_guild.PRIVATE_THREAD, None, ("403",)),
    ],
)
def test_visible_to__scope_of_a_new_document(bot, channel, visible, scope):
    assert context_for(bot, channel=channel).visible_to(visible) == scope


def test_public_channels__exclude_what_only_the_user_can_view(bot):
    context = context_for(bot, roles=(bot_guild.STAFF,))
    assert "302" in context.private_channels
    assert "302" not in context.public_channels


def test_private_channels__exclude_channels_that_the_user_cannot_view(bot):
    assert "302" not in context_for(bot).private_channels


def test_may_see__documents_of_viewable_channels():
    context = replace(HERE, viewable_channels=("301", "302"))
    assert context.may_see(None)
    assert context.may_see(["302", "999"])
    assert not context.may_see(["999"])


@pytest.mark.parametrize(
    ("settings", "anybody", "with_role", "manager"),
    [
        (WorkspaceSettings(), True, True, True),
        (WorkspaceSettings(ingest_by="everyone"), True, True, True),
        (WorkspaceSettings(ingest_by="managers"), False, False, True),
        (WorkspaceSettings(ingest_by="role", ingest_role="5"), False, True, True),
        (WorkspaceSettings(ingest_by="role"), False, False, True),
    ],
)
def test_may_add__by_the_settings(settings, anybody, with_role, manager):
    assert HERE.may_add(settings) is anybody
    assert replace(HERE, role_ids=frozenset({"5"})).may_add(settings) is with_role
    assert replace(HERE, manager=True).may_add(settings) is manager


@pytest.mark.parametrize(
    ("settings", "here", "in_thread", "elsewhere"),
    [
        (WorkspaceSettings(), True, True, True),
        (WorkspaceSettings(ask_roles=()), True, True, True),
        (WorkspaceSettings(ask_roles=("5",)), False, False, False),
        (WorkspaceSettings(channel_rules={"301": ChannelRule(ask_roles=("5",))}), False, False, True),
        (WorkspaceSettings(ask_roles=("5",), channel_rules={"301": ChannelRule(ask_roles=("6",))}), True, True, False),
        (WorkspaceSettings(ask_roles=("5",), channel_rules={"301": ChannelRule(threads=True)}), False, False, False),
        (
            WorkspaceSettings(
                channel_rules={"301": ChannelRule(ask_roles=("5",)), "401": ChannelRule(ask_roles=("6",))}
            ),
            False,
            True,
            True,
        ),
    ],
)
def test_may_ask__by_the_roles_of_the_channel_or_else_the_server(settings, here, in_thread, elsewhere):
    member = replace(HERE, role_ids=frozenset({"100", "6"}))
    assert member.may_ask(settings) is here
    assert replace(member, channel_id="401", parent_id="301").may_ask(settings) is in_thread
    assert replace(member, channel_id="302").may_ask(settings) is elsewhere
    assert replace(member, manager=True).may_ask(settings)
    assert replace(member, role_ids=frozenset({"5", "6"})).may_ask(settings)
    assert replace(member, guild_id=None, manager=False).may_ask(settings)


def test_wants_thread__in_channels_with_the_rule_and_outside_threads():
    rules = WorkspaceSettings(channel_rules={"301": ChannelRule(threads=True)})
    assert HERE.wants_thread(rules)
    assert not HERE.wants_thread(WorkspaceSettings())
    assert not replace(HERE, channel_id="302").wants_thread(rules)
    assert not replace(HERE, channel_id="401", parent_id="301").wants_thread(rules)
    assert not replace(HERE, guild_id=None).wants_thread(rules)


def test_existing_roles__without_deleted_ones():
    assert replace(HERE, guild_roles=frozenset({"5", "7"})).existing_roles(["5", "6"]) == ("5",)
    assert HERE.existing_roles(["5", "6"]) == ("5", "6"), "the roles are not cached yet"


def test_may_change__own_documents_or_as_a_manager():
    assert HERE.may_change("1")
    assert not HERE.may_change("2")
    assert replace(HERE, manager=True).may_change("2")


def test_may_answer_publicly__in_selected_channels_and_their_threads():
    chosen = WorkspaceSettings(public_channels=("301",))
    assert HERE.may_answer_publicly(WorkspaceSettings())
    assert HERE.may_answer_publicly(WorkspaceSettings(public_channels=()))
    assert HERE.may_answer_publicly(chosen)
    assert replace(HERE, channel_id="401", parent_id="301").may_answer_publicly(chosen)
    assert not replace(HERE, channel_id="302").may_answer_publicly(chosen)
    assert replace(HERE, guild_id=None, channel_id="302").may_answer_publicly(chosen)


def test_may_answer_publicly__the_rule_of_a_channel_precedes_the_list():
    private, public = ChannelRule(answers="private"), ChannelRule(answers="public")
    rules = WorkspaceSettings(public_channels=("301",), channel_rules={"301": private, "302": public})
    assert not HERE.may_answer_publicly(rules)
    assert not replace(HERE, channel_id="401", parent_id="301").may_answer_publicly(rules)
    assert replace(HERE, channel_id="302").may_answer_publicly(rules)
    assert not replace(HERE, channel_id="303").may_answer_publicly(rules)


def test_may_read__own_answers_and_public_ones_of_this_channel():
    assert HERE.may_read("1", None)
    assert not HERE.may_read("2", None)
    assert HERE.may_read("2", delivery(channel_id="301"))
    assert not HERE.may_read("2", delivery(channel_id="302"))
    assert not HERE.may_read("2", delivery(channel_id="301", private=True))
    assert not replace(HERE, manager=True).may_read("2", delivery(channel_id="301", private=True))


def test_source_identity__same_name_and_scope_is_the_same_document():
    name = NewDocument("rules.pdf")
    assert source_identity(HERE, name, None) == "discord:100/rules.pdf"
    assert source_identity(HERE, name, ("302",)) == "discord:100/302/rules.pdf"
    assert source_identity(replace(HERE, guild_id=None), name, None) == "discord:1/rules.pdf"
    assert source_identity(HERE, NewDocument("../../etc/passwd"), None) == "discord:100/.._.._etc_passwd"
    assert source_identity(HERE, NewDocument("Hello.md", identity="message-7.md"), None) == "discord:100/message-7.md"


def test_source_identity__of_a_link_is_the_link():
    link = NewDocument("https://example.org/a", url="https://example.org/a")
    assert source_identity(HERE, link, None) == "https://example.org/a"
    assert source_identity(HERE, link, ("302",)) == "discord:100/302/https:__example.org_a"
