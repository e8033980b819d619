"""The Discord client: start, stop and registration of commands."""
