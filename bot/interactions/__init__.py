"""Interactions: who asks where, what they may do, and how the bot replies."""
