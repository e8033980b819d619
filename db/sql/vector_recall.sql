-- The vector search of recall. Only vectors of live versions have a scope, so the filter on the visible scopes suffices.

-- name: scan_nearest_chunks
-- Find the nearest visible chunks by computing the distance of each.
SELECT e.chunk_id, 1 - (e.vector <=> CAST(:vector AS halfvec)) AS score
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.scope_id = ANY (CAST(:scopes AS integer[]))
ORDER BY e.vector <=> CAST(:vector AS halfvec)
LIMIT :top_n;

-- name: search_nearest_chunks
-- Find the nearest visible chunks with the HNSW index of the workspace. The expression and the condition are those of
-- the index, so that the planner can use it.
SELECT e.chunk_id, 1 - (CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions))) AS score
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.scope_id IS NOT NULL
  AND e.scope_id = ANY (CAST(:scopes AS integer[]))
ORDER BY CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions))
LIMIT :top_n;

-- name: compute_dense_scores
-- Compute the cosine similarity of given chunks to a vector and, in a row without chunk, that of an average passage: the
-- mean over a sample of each scope, weighted by the size of the scope. The sample consists of the chunks whose IDs have
-- the lowest hashes, so that it is the same for every question and read from an index.
SELECT e.chunk_id, 1 - (e.vector <=> CAST(:vector AS halfvec)) AS score
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.chunk_id = ANY (CAST(:chunk_ids AS integer[]))
UNION ALL
SELECT NULL, sum(s.chunks * a.score) / sum(s.chunks) FILTER (WHERE a.score IS NOT NULL)
FROM unnest(CAST(:scopes AS integer[]), CAST(:chunks AS integer[]), CAST(:samples AS integer[])) AS s(scope_id, chunks, sample)
CROSS JOIN LATERAL (
    SELECT avg(1 - (n.vector <=> CAST(:vector AS halfvec))) AS score
    FROM (
        SELECT e.vector FROM embeddings e
        WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.scope_id = s.scope_id
        ORDER BY hashint4(e.chunk_id)
        LIMIT s.sample
    ) AS n
) AS a;
