"""Celery, and only here: the app, submitting, thin task functions, the sweeper."""
