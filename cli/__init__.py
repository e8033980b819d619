"""The `refdesk` command, one module per command group."""
