"""Measure the stages: datasets, metrics, quality, latency and cost."""
