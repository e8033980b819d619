-- The two sides of the keyword index: the terms of visible chunks, and the postings in the tail and in segments. All are
-- read in batches, in the order of their keys.

-- name: read_visible_terms
-- Read the terms of visible chunks of a workspace after a chunk.
SELECT t.chunk_id, v.scope_id, 1 AS change, t.length, t.terms
FROM chunk_terms t JOIN document_versions v ON v.id = t.version_id
WHERE t.workspace_id = :workspace_id AND v.scope_id IS NOT NULL AND t.chunk_id > :after
ORDER BY t.chunk_id LIMIT :limit;

-- name: read_tail_terms
-- Read the changes of a workspace after a change.
SELECT id, chunk_id, scope_id, change, length, terms FROM keyword_changes
WHERE workspace_id = :workspace_id AND id > :after ORDER BY id LIMIT :limit;

-- name: read_segment_blocks
-- Read the blocks of the segments of a workspace after a block. `after` and `up_to` bound the terms that
-- count while segments are merged, as in read_keyword_index.
SELECT b.segment_id, b.last_term, b.block, b.size, b.min_length, b.directory, b.postings,
       coalesce(m.built_to, -1) AS after, CASE s.state WHEN 'building' THEN s.built_to ELSE 2147483647 END AS up_to
FROM keyword_blocks b JOIN keyword_segments s ON s.id = b.segment_id LEFT JOIN keyword_segments m ON m.id = s.merged_into
WHERE s.workspace_id = :workspace_id AND (b.segment_id, b.last_term, b.block) > (:segment_id, :last_term, :block)
ORDER BY b.segment_id, b.last_term, b.block LIMIT :limit;
