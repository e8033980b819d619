"""Settings and wiring: the only package that reads the environment."""
