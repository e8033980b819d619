"""The bot's door to the ledger and the store: asynchronous on this side, transactions on a few threads on the other.

No other part of the bot opens a transaction, but the delivery of results.
"""

from bot.services.services import Services

__all__ = ["Services"]
