-- The keyword index: terms of chunks, the tail of changes, and segments of packed postings.

-- name: insert_chunk_terms
-- Insert the terms of new chunks. The bytes of all chunks are one value, because an array of bytes would be sent as text.
INSERT INTO chunk_terms (workspace_id, version_id, chunk_id, length, terms)
SELECT t.workspace_id, t.version_id, t.chunk_id, t.length, substr(CAST(:terms AS bytea), t.start, t.size)
FROM unnest(CAST(:workspace_ids AS integer[]), CAST(:version_ids AS integer[]), CAST(:chunk_ids AS integer[]),
            CAST(:lengths AS integer[]), CAST(:starts AS integer[]), CAST(:sizes AS integer[]))
     AS t(workspace_id, version_id, chunk_id, length, start, size);
