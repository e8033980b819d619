"""The only package that imports Celery: the app, submitting, thin task functions, the sweeper."""
