"""Text functions shared by all stages: scripts, cleaning, terms, tokens, sentences, Markdown and passages."""
