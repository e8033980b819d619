-- The keyword index: terms of chunks, the tail of changes, and segments of packed postings.

-- name: insert_chunk_terms
-- Insert the terms of new chunks.
INSERT INTO chunk_terms (workspace_id, version_id, chunk_id, length, terms)
SELECT t.* FROM unnest(CAST(:workspace_ids AS integer[]), CAST(:version_ids AS integer[]), CAST(:chunk_ids AS integer[]),
                       CAST(:lengths AS integer[]), CAST(:terms AS bytea[])) AS t;
