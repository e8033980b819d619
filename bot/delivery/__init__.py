"""Delivery of results: one courier in each bot process shows what jobs do, exactly once as people see it."""

from bot.delivery.worker import DeliveryHealth, DeliveryWorker

__all__ = ["DeliveryHealth", "DeliveryWorker"]
