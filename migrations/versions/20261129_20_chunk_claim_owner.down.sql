ALTER TABLE embedding_queue DROP COLUMN claim_owner;
