"""Settings and wiring: the only layer that reads the environment."""
