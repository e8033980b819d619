-- Recall: the Top-N chunks of one workspace that the user may see. Keyword recall is in keyword_recall.sql.

-- name: set_planner_options
-- Set planner options for this transaction.
SELECT set_config(s.name, s.setting, true) FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[])) AS s(name, setting);

-- name: find_nearest_chunks
-- Dense recall: the nearest chunks of live versions in the visible scopes.
SELECT e.chunk_id, CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions)) AS distance
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.scope_id = ANY (CAST(:scopes AS integer[]))
ORDER BY distance
LIMIT :top_n;

-- name: fuse_candidates
-- Fuse dense and keyword recall. A candidate of either search gets both scores, each on a scale on which 0 is
-- an average passage and 1 the best one (for BM25, the average passage contains none of the terms). The fused score is
-- their mean, weighted by the share of the question that the embedding model can read; decision 0012 has the measurements.
-- `dense_ids` and `keyword_ids` are in order of rank; `other_ids` are the candidates of dense recall that have a lower
-- keyword score. LATERAL with LIMIT is a look-up by primary key, where the planner would misjudge a join.
WITH dense AS (
    SELECT d.chunk_id, d.score, d.rank
    FROM unnest(CAST(:dense_ids AS integer[]), CAST(:dense_scores AS float[])) WITH ORDINALITY AS d(chunk_id, score, rank)
), keyword AS (
    SELECT k.chunk_id, k.score, k.rank
    FROM unnest(CAST(:keyword_ids AS integer[]), CAST(:keyword_scores AS float[])) WITH ORDINALITY AS k(chunk_id, score, rank)
), found AS MATERIALIZED (
    SELECT chunk_id, d.rank AS dense_rank, d.score AS dense_score, k.rank AS keyword_rank, k.score AS keyword_score
    FROM dense d FULL JOIN keyword k USING (chunk_id)
), completed AS MATERIALIZED (
    -- A candidate of one search also gets its score of the other search, where it was outside the Top-N.
    SELECT f.chunk_id, f.dense_rank, f.keyword_rank, coalesce(f.dense_score, missed_dense.score) AS dense_score,
           coalesce(f.keyword_score, o.score) AS keyword_score
    FROM found f
    LEFT JOIN unnest(CAST(:other_ids AS integer[]), CAST(:other_scores AS float[])) AS o(chunk_id, score) USING (chunk_id)
    LEFT JOIN LATERAL (
        SELECT 1 - (CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions))) AS score
        FROM embeddings e
        WHERE :want_dense AND f.dense_rank IS NULL AND e.profile_id = :profile_id AND e.chunk_id = f.chunk_id
        LIMIT 1
    ) AS missed_dense ON true
), visible AS MATERIALIZED (
    SELECT d.live_version_id AS version_id FROM documents d
    WHERE :want_dense AND :want_keyword AND d.workspace_id = :workspace_id AND d.scope_id = ANY (CAST(:scopes AS integer[]))
), everyday AS MATERIALIZED (
    -- The average passage: about 100 chunks of documents selected by a hash, the same for every question.
    SELECT avg(1 - (CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions)))) AS dense_score
    FROM (SELECT count(*) AS documents FROM visible) AS n
    JOIN visible ON abs(CAST(hashint4(visible.version_id) AS bigint)) % greatest(n.documents / 100, 1) = 0
    CROSS JOIN LATERAL (
        SELECT e.vector FROM embeddings e
        WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.version_id = visible.version_id
        LIMIT greatest(100 / n.documents, 1)
    ) AS e
), scale AS MATERIALIZED (
    SELECT a.dense_score AS dense_zero, nullif(greatest(max(c.dense_score) - a.dense_score, 0), 0) AS dense_unit,
           nullif(max(c.keyword_score), 0) AS keyword_unit
    FROM completed c, everyday a
    GROUP BY a.dense_score
), fused AS MATERIALIZED (
    SELECT c.*,
           CASE WHEN :want_dense AND :want_keyword
                THEN (:dense_weight * coalesce((c.dense_score - s.dense_zero) / s.dense_unit, 0)
                      + coalesce(c.keyword_score / s.keyword_unit, 0)) / (:dense_weight + 1)
                ELSE coalesce(c.dense_score, c.keyword_score) END AS score
    FROM completed c, scale s
    ORDER BY score DESC, c.dense_rank NULLS LAST, c.chunk_id
    LIMIT :top_n
)
SELECT f.chunk_id, p.document_id, p.title, p.source, p.origin, p.text, p.headings, p.page, p.confidence, f.score AS recall_score,
       f.dense_rank, f.dense_score, f.keyword_rank, f.keyword_score
FROM fused f
CROSS JOIN LATERAL (
    SELECT c.document_id, o.title, o.source, o.origin, c.text, c.headings, c.page, c.confidence
    FROM chunks c JOIN documents o ON o.id = c.document_id
    WHERE c.id = f.chunk_id
    LIMIT 1
) AS p
ORDER BY f.score DESC, f.dense_rank NULLS LAST, f.chunk_id;

-- name: compute_dense_scores
-- Compute the cosine similarity of given chunks to a vector, for reranking given candidates and for the scores of
-- candidates found by keyword only.
SELECT e.chunk_id, 1 - (CAST(e.vector AS halfvec(:dimensions)) <=> CAST(:vector AS halfvec(:dimensions))) AS score
FROM embeddings e
WHERE e.profile_id = :profile_id AND e.workspace_id = :workspace_id AND e.chunk_id = ANY (CAST(:chunk_ids AS integer[]));

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

-- name: count_visible_chunks
-- Count the chunks that the user may see, which is the maximum number of rows that recall can return.
SELECT coalesce(sum(d.live_chunks), 0) FROM documents d
WHERE d.workspace_id = :workspace_id AND (d.channels IS NULL OR d.channels && CAST(:channels AS text[]));

-- name: has_vector_index
-- Return whether the workspace has a valid HNSW index.
SELECT coalesce((SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass(:index_name)), false);
