"""Second readings: one module per family of formats, see `pipeline/backends/documents/verification.py`."""
