DELETE FROM keyword_segments WHERE state = 'replaced';
ALTER TABLE keyword_segments DROP CONSTRAINT keyword_segments_state_check;
ALTER TABLE keyword_segments ADD CONSTRAINT keyword_segments_state_check CHECK (state IN ('building', 'live'));
COMMENT ON COLUMN keyword_segments.merged_into IS 'Segment that this one is being merged into, which contains its terms up to `built_to` already; null if none.';
COMMENT ON COLUMN keyword_segments.state IS '`building`: a merge writes it; `live`: complete, or being merged into another one.';
COMMENT ON COLUMN keyword_blocks.postings IS 'Postings of chunk (4 bytes), frequency (1), and length minus min_length (1, unsigned), big-endian; in blocks with large values, of chunk (4), frequency (2), and length (2, unsigned). A negative frequency: the chunk became invisible.';

-- Merges of the older version have kept the blocks that they copied.
DELETE FROM keyword_blocks b USING keyword_segments s JOIN keyword_segments m ON m.id = s.merged_into
WHERE b.segment_id = s.id AND b.last_term <= m.built_to;

DROP FUNCTION decode_block(bytea, bytea);
CREATE FUNCTION decode_block(in_directory bytea, in_postings bytea, in_size integer, in_min_length integer)
    RETURNS TABLE (term integer, scope integer, chunk integer, frequency integer, length integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH entries AS (
        SELECT ('x' || encode(substr(in_directory, n, 4), 'hex'))::bit(32)::integer AS term,
               ('x' || encode(substr(in_directory, n + 4, 4), 'hex'))::bit(32)::integer AS scope,
               ('x' || encode(substr(in_directory, n + 8, 2), 'hex'))::bit(16)::integer AS size, n
        FROM generate_series(1, octet_length(in_directory), 12) AS n
    ), placed AS (
        SELECT e.*, (sum(e.size) OVER (ORDER BY n) - e.size)::integer AS skipped FROM entries e
    ), record AS (
        SELECT octet_length(in_postings) / greatest(in_size, 1) AS bytes
    )
    SELECT p.term, p.scope, ('x' || encode(substr(in_postings, b, 4), 'hex'))::bit(32)::integer,
           -- Signed: a negative number marks a chunk that became invisible.
           CASE r.bytes WHEN 6 THEN (get_byte(in_postings, b + 3) + 128) % 256 - 128
                        ELSE (('x' || encode(substr(in_postings, b + 4, 2), 'hex'))::bit(16)::integer + 32768) % 65536 - 32768 END,
           CASE r.bytes WHEN 6 THEN get_byte(in_postings, b + 4) + in_min_length
                        ELSE ('x' || encode(substr(in_postings, b + 6, 2), 'hex'))::bit(16)::integer END
    FROM record r CROSS JOIN placed p
    CROSS JOIN LATERAL generate_series(r.bytes * p.skipped + 1, r.bytes * (p.skipped + p.size), r.bytes) AS b
$$;
COMMENT ON FUNCTION decode_block(bytea, bytea, integer, integer) IS 'Lists the postings of a row of keyword_blocks, from its directory, postings, size and min_length.';
