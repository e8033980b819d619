"""Names of roles in direct messages."""

from __future__ import annotations

from bot.interactions.role_names import name_roles
from tests import bot_guild


def test_name_roles__of_a_server_are_named_and_escaped():
    client = bot_guild.client()
    guild = client.get_guild(bot_guild.GUILD)
    assert guild is not None
    guild.get_role(bot_guild.STAFF).name = "**staff**\u202e"  # type: ignore[union-attr]
    text = f"Only <@&{bot_guild.STAFF}> and <@&5> can ask <@7>."
    assert name_roles(text, [guild]) == r"Only **\*\*staff\*\*** and <@&5> can ask <@7>."
    assert name_roles(text, []) == text
