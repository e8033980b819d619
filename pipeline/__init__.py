"""The stages, pure: they know text, numbers and ports, never a server, a model library or the environment."""
