"""Models that run in this process: sentence-transformers encoders and cross-encoders."""
