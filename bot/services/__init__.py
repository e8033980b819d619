"""The operations of the bot on documents, questions, jobs and settings, as coroutines.

Transactions run on a few threads. No other part of the bot opens transactions, except `bot.delivery`.
"""

from bot.services.services import Services

__all__ = ["Services"]
