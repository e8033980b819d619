-- Segments of the keyword index: built from the tail and merged by size. Every step is a short transaction under the lock
-- of its workspace, and continues where the one before stopped, also after a crash.

-- name: try_segment_lock
-- Allow one builder per workspace at a time; released with the transaction.
SELECT pg_try_advisory_xact_lock(72450010, :workspace_id);

-- name: list_workspaces_to_index
-- List workspaces with a long tail, an unfinished merge, or segments to merge. The recursion reads one row of
-- the index per workspace, and EXISTS at most `tail_limit`.
WITH RECURSIVE tails AS (
    (SELECT workspace_id FROM keyword_changes ORDER BY workspace_id LIMIT 1)
    UNION ALL
    SELECT (SELECT k.workspace_id FROM keyword_changes k WHERE k.workspace_id > t.workspace_id ORDER BY k.workspace_id LIMIT 1)
    FROM tails t WHERE t.workspace_id IS NOT NULL
)
SELECT t.workspace_id FROM tails t
WHERE EXISTS (SELECT FROM keyword_changes k WHERE k.workspace_id = t.workspace_id OFFSET :tail_limit)
UNION
SELECT workspace_id FROM keyword_segments WHERE state = 'building'
UNION
SELECT workspace_id FROM keyword_segments WHERE state = 'live'
GROUP BY workspace_id, floor(log(4.0, greatest(postings / 16384.0, 1))) HAVING count(*) >= :fan_in;

-- name: read_tail
-- Read the oldest changes of the tail, if there are more than `tail_limit`.
SELECT id, chunk_id, scope_id, change, length, terms FROM keyword_changes
WHERE workspace_id = :workspace_id AND EXISTS (SELECT FROM keyword_changes WHERE workspace_id = :workspace_id OFFSET :tail_limit)
ORDER BY id LIMIT :limit;

-- name: delete_tail
-- Delete the changes that a segment contains now.
DELETE FROM keyword_changes WHERE workspace_id = :workspace_id AND id = ANY (CAST(:ids AS bigint[]));

-- name: insert_segment
-- Insert a live segment of changes.
INSERT INTO keyword_segments (workspace_id, state, postings, scope_ids, scope_chunks, scope_terms)
VALUES (:workspace_id, 'live', :postings, :scope_ids, :scope_chunks, :scope_terms)
RETURNING id;

-- name: insert_blocks
-- Insert blocks of a segment. The bytes of all blocks are one value each, because an array of bytes would be sent as text.
INSERT INTO keyword_blocks (segment_id, last_term, block, first_term, workspace_id, size, max_frequency, min_length, directory, postings)
SELECT :segment_id, b.last_term, b.block, b.first_term, :workspace_id, b.size, b.max_frequency, b.min_length,
       substr(CAST(:directories AS bytea), b.directory_start, b.directory_size), substr(CAST(:postings AS bytea), b.postings_start, b.postings_size)
FROM unnest(CAST(:last_terms AS integer[]), CAST(:blocks AS integer[]), CAST(:first_terms AS integer[]), CAST(:sizes AS integer[]),
            CAST(:max_frequencies AS integer[]), CAST(:min_lengths AS integer[]),
            CAST(:directory_starts AS integer[]), CAST(:directory_sizes AS integer[]),
            CAST(:postings_starts AS integer[]), CAST(:postings_sizes AS integer[]))
     AS b(last_term, block, first_term, size, max_frequency, min_length, directory_start, directory_size, postings_start, postings_size);

-- name: start_merge
-- Start to merge the smallest segments if there are enough of one size.
WITH sizes AS (
    SELECT id, floor(log(4.0, greatest(postings / 16384.0, 1))) AS size FROM keyword_segments
    WHERE workspace_id = :workspace_id AND state = 'live'
), chosen AS (
    SELECT size FROM sizes GROUP BY size HAVING count(*) >= :fan_in ORDER BY size LIMIT 1
), target AS (
    INSERT INTO keyword_segments (workspace_id, state) SELECT :workspace_id, 'building' FROM chosen RETURNING id
)
UPDATE keyword_segments s SET merged_into = target.id FROM target, chosen JOIN sizes USING (size) WHERE s.id = sizes.id
RETURNING target.id;

-- name: start_rewrite
-- Start to merge all segments of a workspace, even a single one.
WITH target AS (
    INSERT INTO keyword_segments (workspace_id, state)
    SELECT :workspace_id, 'building'
    WHERE EXISTS (SELECT FROM keyword_segments WHERE workspace_id = :workspace_id AND state = 'live')
    RETURNING id
)
UPDATE keyword_segments s SET merged_into = target.id FROM target WHERE s.workspace_id = :workspace_id AND s.state = 'live'
RETURNING target.id;

-- name: find_merge
-- Find the unfinished merge of a workspace, and its last term of this step: as many blocks as `step_postings` allow, but
-- at least one. Null when nothing is left to merge.
SELECT s.id, s.built_to, s.postings,
       (SELECT coalesce(max(b.last_term) FILTER (WHERE b.total <= :step_postings), min(b.last_term))
        FROM (SELECT n.last_term, sum(n.size) OVER (ORDER BY n.last_term) AS total
              FROM (SELECT k.last_term, k.size FROM keyword_blocks k
                    WHERE k.segment_id IN (SELECT o.id FROM keyword_segments o WHERE o.merged_into = s.id) AND k.last_term > s.built_to
                    ORDER BY k.last_term LIMIT :step_postings / 64) AS n) AS b) AS up_to
FROM keyword_segments s
WHERE s.workspace_id = :workspace_id AND s.state = 'building';

-- name: read_merge_blocks
-- Read the blocks with terms after `built_to` up to `up_to` of the segments that are merged.
SELECT b.size, b.min_length, b.directory, b.postings FROM keyword_blocks b
WHERE b.segment_id IN (SELECT o.id FROM keyword_segments o WHERE o.merged_into = :id) AND b.last_term > :built_to AND b.first_term <= :up_to;

-- name: advance_merge
-- Record the progress of a merge.
UPDATE keyword_segments SET built_to = :built_to, postings = postings + :added WHERE id = :id;

-- name: delete_merged_blocks
-- Delete the blocks whose terms are all in the merged segment now.
DELETE FROM keyword_blocks b USING keyword_segments o
WHERE o.merged_into = :id AND b.segment_id = o.id AND b.last_term <= :up_to;

-- name: finish_merge
-- Make a merged segment live instead of its parts, in one statement.
WITH parts AS (
    DELETE FROM keyword_segments WHERE merged_into = :id RETURNING scope_ids, scope_chunks, scope_terms
), scopes AS (
    SELECT u.scope, sum(u.chunks) AS chunks, sum(u.terms) AS terms
    FROM parts p CROSS JOIN LATERAL unnest(p.scope_ids, p.scope_chunks, p.scope_terms) AS u(scope, chunks, terms)
    GROUP BY u.scope
)
UPDATE keyword_segments s
SET state = 'live', scope_ids = t.ids, scope_chunks = t.chunks, scope_terms = t.terms
FROM (SELECT coalesce(array_agg(scope ORDER BY scope), '{}') AS ids, coalesce(array_agg(chunks ORDER BY scope), '{}') AS chunks,
             coalesce(array_agg(terms ORDER BY scope), '{}') AS terms FROM scopes) AS t
WHERE s.id = :id;

-- name: vacuum_keyword_index
-- Make the space of deleted rows available to the next steps; autovacuum would come later and the tables would grow.
VACUUM (SKIP_LOCKED) keyword_blocks, keyword_changes;
