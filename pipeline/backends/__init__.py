"""Implementations of the protocols in `pipeline.ports`. Heavy libraries are imported on first use."""
