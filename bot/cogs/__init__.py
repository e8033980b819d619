"""Commands, one module per subject; each only reads what came in, calls the desk and shows what came back."""

from collections.abc import Callable
from typing import Any

from discord.ext import commands

from bot.cogs.ask import Ask

COGS: tuple[Callable[[Any], commands.Cog], ...] = (Ask,)
