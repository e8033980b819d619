"""The Discord front end: the only package that knows discord.py; it loads no model."""
