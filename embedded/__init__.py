"""PostgreSQL and Redis from Python wheels, for machines without database and Redis servers."""
