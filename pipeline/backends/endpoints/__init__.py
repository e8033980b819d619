"""Model endpoints over HTTP: chat, embeddings and reranking."""
