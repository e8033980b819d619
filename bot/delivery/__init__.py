"""Delivery of results: the delivery worker of each bot process edits messages until their jobs have ended."""

from bot.delivery.worker import DeliveryHealth, DeliveryWorker

__all__ = ["DeliveryHealth", "DeliveryWorker"]
