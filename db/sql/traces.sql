-- Traces of answered questions.

-- name: list_trace_candidates
-- List the candidates of an answered question with their passages as far as they still exist. Of a document that the
-- viewer may not see, only the ranks are returned; a null `channels` includes every document.
SELECT k.chunk_id, k.document_id, CASE WHEN s.seen THEN k.title ELSE '' END AS title, CASE WHEN s.seen THEN k.page END AS page, coalesce(c.text, '') AS text,
       coalesce(c.headings, '{}') AS headings, coalesce(d.source, '') AS source,
       coalesce(d.origin, '') AS origin, k.recall_rank, k.recall_score, k.dense_rank, k.dense_score, k.keyword_rank, k.keyword_score,
       k.rank, k.score, k.raw_score, CASE WHEN s.seen THEN k.reason ELSE '' END AS reason, k.method, k.flags, k.citation,
       CASE WHEN s.seen THEN k.quote END AS quote
FROM query_candidates k
LEFT JOIN documents d ON d.id = k.document_id
     AND (CAST(:channels AS text[]) IS NULL OR d.channels IS NULL OR d.channels && CAST(:channels AS text[]))
LEFT JOIN chunks c ON c.id = k.chunk_id AND c.document_id = d.id
CROSS JOIN LATERAL (SELECT CAST(:channels AS text[]) IS NULL OR d.id IS NOT NULL AS seen) s
WHERE k.query_id = :query_id
ORDER BY k.rank;

-- name: insert_trace_candidates
-- Insert the candidates of an answer, given as one JSON array: 50 rows as parameters take longer than the statement.
INSERT INTO query_candidates (query_id, workspace_id, chunk_id, document_id, title, page, recall_rank, recall_score, dense_rank, dense_score,
                              keyword_rank, keyword_score, rank, score, raw_score, reason, method, flags, citation, quote)
SELECT :query_id, :workspace_id, k.chunk_id, k.document_id, k.title, k.page, k.recall_rank, k.recall_score, k.dense_rank, k.dense_score,
       k.keyword_rank, k.keyword_score, k.rank, k.score, k.raw_score, k.reason, k.method, k.flags, k.citation, k.quote
FROM json_populate_recordset(CAST(NULL AS query_candidates), CAST(:rows AS json)) k;

-- name: share_library
-- Let deletions of documents in this workspace wait until this answer is stored. It is taken before all locks of rows.
SELECT pg_advisory_xact_lock_shared(72450011, :workspace_id);

-- name: count_documents
-- Count those of these documents that still exist.
SELECT count(*) FROM documents WHERE workspace_id = :workspace_id AND id = ANY (CAST(:document_ids AS integer[]));
