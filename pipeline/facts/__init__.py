"""Facts in text: numbers, dates and times, and how they compare."""
