"""Measuring what each stage buys: metrics, datasets, quality, cost."""
