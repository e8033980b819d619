"""Read the slides of presentations."""
