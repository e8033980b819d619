"""Fetching links from public addresses only."""
