"""Delivery of results: one courier in each bot process shows what jobs do, exactly once as people see it."""

from bot.delivery.courier import Courier, Health

__all__ = ["Courier", "Health"]
