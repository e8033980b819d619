ALTER TABLE embedding_queue ADD COLUMN claim_owner text;
COMMENT ON COLUMN embedding_queue.claim_owner IS 'Worker that claimed the chunk.';
