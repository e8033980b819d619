-- The parts of the keyword index that a question reads.

-- name: read_keyword_index
-- Read the segments with their number of chunks and terms in these scopes, and the changes of the tail. While segments
-- are merged, the terms up to `built_to` are in the new segment and the others in the old ones, which keep the numbers.
SELECT s.id AS segment_id, NULL::integer AS chunk_id, coalesce(sum(u.chunks), 0) AS change,
       CAST(coalesce(sum(u.terms), 0) AS bigint) AS length, NULL::bytea AS terms,
       coalesce(m.built_to, -1) AS after, CASE s.state WHEN 'building' THEN s.built_to ELSE 2147483647 END AS up_to
FROM keyword_segments s
LEFT JOIN keyword_segments m ON m.id = s.merged_into
LEFT JOIN LATERAL unnest(s.scope_ids, s.scope_chunks, s.scope_terms) AS u(scope_id, chunks, terms) ON u.scope_id = ANY (CAST(:scopes AS integer[]))
WHERE s.workspace_id = :workspace_id
GROUP BY s.id, m.built_to HAVING s.state = 'building' OR count(u.scope_id) > 0
UNION ALL
SELECT NULL, chunk_id, change, length, terms, NULL, NULL FROM keyword_changes
WHERE workspace_id = :workspace_id AND scope_id = ANY (CAST(:scopes AS integer[]));

-- name: read_keyword_blocks
-- Read the blocks that contain these terms, without the postings of large blocks. The first row in the index whose last
-- term is not lower is the shared block of the term, or the first of its own blocks (WITH TIES: all of them).
SELECT b.segment_id, t.term, b.last_term, b.block, b.size, b.max_frequency, b.min_length, b.directory,
       CASE WHEN b.size <= :inline THEN b.postings END AS postings
FROM unnest(CAST(:segments AS integer[]), CAST(:after AS integer[]), CAST(:up_to AS integer[])) AS s(id, after, up_to)
JOIN unnest(CAST(:terms AS integer[])) AS t(term) ON t.term > s.after AND t.term <= s.up_to
CROSS JOIN LATERAL (
    SELECT * FROM keyword_blocks k WHERE k.segment_id = s.id AND k.last_term >= t.term
    ORDER BY k.last_term FETCH FIRST 1 ROW WITH TIES
) AS b
WHERE b.first_term <= t.term;

-- name: read_blocks
-- Read the postings of large blocks.
SELECT b.segment_id, b.last_term, b.block, b.postings
FROM unnest(CAST(:segment_ids AS integer[]), CAST(:last_terms AS integer[]), CAST(:blocks AS integer[])) AS w(segment_id, last_term, block)
JOIN keyword_blocks b USING (segment_id, last_term, block);

-- name: read_chunk_terms
-- Read the terms of chunks.
SELECT chunk_id, length, terms FROM chunk_terms WHERE chunk_id = ANY (CAST(:chunk_ids AS integer[]));
