"""Prometheus metrics and health checks of a process, over HTTP. Off unless REFDESK_METRICS_PORT is set."""
