"""Postgres, and only here: models, sessions and the named SQL."""
