"""One Python file and two SQL files per schema change; the names sort by date."""
