"""Clients of model endpoints over HTTP: chat, embeddings and reranking."""
