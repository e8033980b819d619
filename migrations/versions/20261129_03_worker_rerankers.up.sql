-- The rerankers that a worker can run: they depend on its models and endpoints.

ALTER TABLE workers ADD COLUMN rerankers text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN workers.rerankers IS 'Rerankers that work in a query worker; empty for other workers.';
