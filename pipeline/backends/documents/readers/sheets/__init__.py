"""Parts of the readers of spreadsheets."""
