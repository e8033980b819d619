-- The older version reads wide blocks only, so its index starts again with all visible chunks in the tail.
DELETE FROM keyword_blocks;
DELETE FROM keyword_segments;
DELETE FROM keyword_changes;
INSERT INTO keyword_changes (workspace_id, chunk_id, scope_id, change, length, terms)
SELECT t.workspace_id, t.chunk_id, v.scope_id, 1, t.length, t.terms
FROM chunk_terms t JOIN document_versions v ON v.id = t.version_id WHERE v.scope_id IS NOT NULL;

ALTER TABLE keyword_segments DROP CONSTRAINT keyword_segments_state_check;
ALTER TABLE keyword_segments ADD CONSTRAINT keyword_segments_state_check CHECK (state IN ('building', 'live', 'replaced'));
COMMENT ON COLUMN keyword_segments.merged_into IS 'Segment that this one is being merged into; null if none.';
COMMENT ON COLUMN keyword_segments.state IS '`building`: a merge writes it; `live`: questions read it; `replaced`: merged into another one, its blocks are being deleted.';
COMMENT ON COLUMN keyword_blocks.postings IS 'Postings of chunk (4 bytes), frequency (2), and length (2, unsigned), big-endian. A negative frequency: the chunk became invisible.';

DROP FUNCTION decode_block(bytea, bytea, integer, integer);
CREATE FUNCTION decode_block(in_directory bytea, in_postings bytea)
    RETURNS TABLE (term integer, scope integer, chunk integer, frequency integer, length integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH entries AS (
        SELECT ('x' || encode(substr(in_directory, n, 4), 'hex'))::bit(32)::integer AS term,
               ('x' || encode(substr(in_directory, n + 4, 4), 'hex'))::bit(32)::integer AS scope,
               ('x' || encode(substr(in_directory, n + 8, 2), 'hex'))::bit(16)::integer AS size, n
        FROM generate_series(1, octet_length(in_directory), 12) AS n
    ), placed AS (
        SELECT e.*, sum(e.size) OVER (ORDER BY n) - e.size AS skipped FROM entries e
    )
    SELECT p.term, p.scope, ('x' || encode(substr(in_postings, b, 4), 'hex'))::bit(32)::integer,
           -- Signed: a negative number marks a chunk that became invisible.
           (('x' || encode(substr(in_postings, b + 4, 2), 'hex'))::bit(16)::integer + 32768) % 65536 - 32768,
           ('x' || encode(substr(in_postings, b + 6, 2), 'hex'))::bit(16)::integer
    FROM placed p CROSS JOIN LATERAL generate_series(8 * p.skipped::integer + 1, 8 * (p.skipped::integer + p.size), 8) AS b
$$;
COMMENT ON FUNCTION decode_block(bytea, bytea) IS 'Lists the postings of a row of keyword_blocks, from its directory and postings.';
