-- Recall: Top-N chunks of one workspace that the asker may see, in one statement. The live version of each visible
-- document is the only content that exists here.

-- name: recall_hybrid
-- Vector leg and keyword leg, fused by reciprocal rank: score = sum of 1 / (60 + rank) over the legs that found the chunk
-- (Cormack, Clarke, Büttcher 2009). :exact false lets the vector leg use the workspace's HNSW index.
-- BM25 counts its statistics here, over what is visible, so they cannot go stale and tell nothing of hidden documents.
WITH visible AS MATERIALIZED (
    SELECT d.live_version_id AS version_id, v.chunks, v.terms
    FROM documents d JOIN document_versions v ON v.id = d.live_version_id
    WHERE d.workspace_id = :workspace_id AND (d.channels IS NULL OR d.channels && CAST(:channels AS text[]))
), nearest AS MATERIALIZED (
    SELECT e.chunk_id, CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions)) AS distance
    FROM embeddings e
    WHERE :want_dense AND e.profile_id = :profile_id AND e.workspace_id = :workspace_id
      AND e.version_id IN (SELECT version_id FROM visible)
    ORDER BY distance
    LIMIT :top_n
), dense AS (
    SELECT chunk_id, 1 - distance AS score, row_number() OVER (ORDER BY distance, chunk_id) AS rank FROM nearest
), corpus AS (
    SELECT sum(chunks)::float AS chunks, greatest(sum(terms)::float / nullif(sum(chunks), 0), 1) AS mean_length FROM visible
), hits AS MATERIALIZED (
    SELECT p.chunk_id, p.term, p.frequency, p.length
    FROM postings p
    WHERE :want_keyword AND p.workspace_id = :workspace_id AND p.term = ANY (CAST(:terms AS integer[]))
      AND p.version_id IN (SELECT version_id FROM visible)
), weights AS (
    SELECT h.term, ln(1 + (c.chunks - count(*) + 0.5) / (count(*) + 0.5)) AS idf FROM hits h, corpus c GROUP BY h.term, c.chunks
), keyword AS (
    SELECT chunk_id, score, row_number() OVER (ORDER BY score DESC, chunk_id) AS rank
    FROM (
        SELECT h.chunk_id, sum(w.idf * h.frequency * (:k1 + 1) / (h.frequency + :k1 * (1 - :b + :b * h.length / c.mean_length))) AS score
        FROM hits h JOIN weights w USING (term), corpus c
        GROUP BY h.chunk_id
        ORDER BY score DESC, h.chunk_id
        LIMIT :top_n
    ) AS best
), fused AS (
    SELECT chunk_id, d.rank AS dense_rank, d.score AS dense_score, k.rank AS keyword_rank, k.score AS keyword_score,
           CASE WHEN :want_dense AND :want_keyword THEN coalesce(1.0 / (60 + d.rank), 0) + coalesce(1.0 / (60 + k.rank), 0)
                ELSE coalesce(d.score, k.score) END AS score
    FROM dense d FULL JOIN keyword k USING (chunk_id)
)
SELECT f.chunk_id, c.document_id, o.title, o.source, o.origin, c.text, c.headings, c.page, f.score AS recall_score,
       f.dense_rank, f.dense_score, f.keyword_rank, f.keyword_score, (SELECT count(*) FROM dense) AS dense_rows
FROM fused f JOIN chunks c ON c.id = f.chunk_id JOIN documents o ON o.id = c.document_id
ORDER BY f.score DESC, f.dense_rank NULLS LAST, f.chunk_id
LIMIT :top_n;

-- name: dense_scores
-- Cosine similarity of given chunks to a vector; for reranking somebody else's candidates and for showing a score of
-- what only the keyword leg found.
SELECT e.chunk_id, 1 - (CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions))) AS score
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.chunk_id = ANY (CAST(:chunk_ids AS integer[]));

-- name: visible_vectors
-- How many vectors the workspace has, to know how many rows a recall can give at most.
SELECT coalesce(sum(v.chunks), 0) FROM documents d JOIN document_versions v ON v.id = d.live_version_id
WHERE d.workspace_id = :workspace_id AND (d.channels IS NULL OR d.channels && CAST(:channels AS text[]));

-- name: has_vector_index
-- Whether the workspace has an HNSW index of its own that is ready.
SELECT coalesce((SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass(:index_name)), false);
