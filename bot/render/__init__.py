"""Render messages: pure functions from stored values to `OutgoingMessage`, without Discord, database or clock."""
