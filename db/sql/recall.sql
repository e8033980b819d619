-- Recall: the Top-N chunks of one workspace that the user may see. Keyword recall is in keyword_postings.sql.

-- name: count_visible_chunks
-- Count the chunks in each scope of a workspace that a member of these channels may see, and find out whether the
-- workspace has a valid HNSW index. The numbers are sums over the keyword index, which is exact in every snapshot.
WITH counted AS (
    SELECT n.scope_id, n.chunks FROM keyword_segments g CROSS JOIN LATERAL unnest(g.scope_ids, g.scope_chunks) AS n(scope_id, chunks)
    WHERE g.workspace_id = :workspace_id AND g.state = 'live'
    UNION ALL
    SELECT scope_id, change FROM keyword_changes WHERE workspace_id = :workspace_id
)
SELECT s.id, sum(c.chunks) AS chunks,
       coalesce((SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass(:index_name)), false) AS has_index
FROM scopes s JOIN counted c ON c.scope_id = s.id
WHERE s.workspace_id = :workspace_id AND (s.channels IS NULL OR s.channels && CAST(:channels AS text[]))
GROUP BY s.id HAVING sum(c.chunks) > 0;

-- name: fetch_candidates
-- Fetch the texts of candidates.
SELECT c.id AS chunk_id, c.document_id, o.title, o.source, o.origin, c.text, c.headings, c.page, c.confidence
FROM chunks c JOIN documents o ON o.id = c.document_id
WHERE c.id = ANY (CAST(:chunk_ids AS integer[]));

-- name: find_neighbours
-- Find the chunks directly before and after given ones, under the rules of recall: live versions of documents that the
-- user may see. LATERAL with LIMIT is a look-up in the unique index on (version_id, ordinal), where a join would read
-- every chunk.
SELECT c.id AS neighbour_of, n.id AS chunk_id, n.ordinal - c.ordinal AS place, n.text, n.headings, n.page
FROM chunks c
JOIN documents d ON d.id = c.document_id AND d.live_version_id = c.version_id
CROSS JOIN LATERAL (
    SELECT id, ordinal, text, headings, page FROM chunks
    WHERE version_id = c.version_id AND ordinal BETWEEN c.ordinal - 1 AND c.ordinal + 1
    ORDER BY ordinal
    LIMIT 3
) AS n
WHERE c.id = ANY (CAST(:chunk_ids AS integer[])) AND n.id <> c.id AND d.workspace_id = :workspace_id
  AND (d.channels IS NULL OR d.channels && CAST(:channels AS text[]))
ORDER BY c.id, n.ordinal;
