"""One file per schema change; names sort by date."""
