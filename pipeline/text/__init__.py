"""Reading text: terms, tokens and sentences."""
