"""Readers: one module per format or family of formats, see `pipeline/backends/documents/reading.py`."""
