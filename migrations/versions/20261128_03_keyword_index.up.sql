-- Scopes: the distinct channel sets of a workspace. A chunk is visible if its scope is, so that a question compares one
-- number per row and reads no documents.
CREATE TABLE scopes (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    channels      text[],
    UNIQUE NULLS NOT DISTINCT (workspace_id, channels)
);
COMMENT ON TABLE scopes IS 'Scopes of a workspace: each distinct set of channels that documents are limited to. Rows are never deleted.';
COMMENT ON COLUMN scopes.id IS 'ID of the scope.';
COMMENT ON COLUMN scopes.workspace_id IS 'Tenant.';
COMMENT ON COLUMN scopes.channels IS 'Channels whose members may see the documents, sorted; null: everyone in the workspace.';

ALTER TABLE documents ADD COLUMN scope_id integer REFERENCES scopes;
COMMENT ON COLUMN documents.scope_id IS 'Scope of the live version, set from the channels by a trigger; null without one.';
ALTER TABLE document_versions ADD COLUMN scope_id integer REFERENCES scopes;
COMMENT ON COLUMN document_versions.scope_id IS 'Scope of the document while this version is live; null otherwise. Set by a trigger.';
ALTER TABLE embeddings ADD COLUMN scope_id integer;
COMMENT ON COLUMN embeddings.scope_id IS 'Scope of the chunk while its version is live; null otherwise.';

-- The terms of each chunk. The pairs are int4send(term) || int2send(frequency), so that SQL and NumPy can read them.
CREATE TABLE chunk_terms (
    chunk_id      integer PRIMARY KEY,
    workspace_id  integer NOT NULL,
    version_id    integer NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    length        integer NOT NULL CHECK (length BETWEEN 0 AND 65535),
    terms         bytea NOT NULL CHECK (octet_length(terms) % 6 = 0)
);
ALTER TABLE chunk_terms ALTER COLUMN terms SET STORAGE EXTERNAL;  -- hashes do not compress
CREATE INDEX chunk_terms_of_version ON chunk_terms (version_id);
COMMENT ON TABLE chunk_terms IS 'Terms of each chunk with their frequencies: the source of the keyword index and of exact scores of single chunks.';
COMMENT ON COLUMN chunk_terms.chunk_id IS 'Chunk.';
COMMENT ON COLUMN chunk_terms.workspace_id IS 'Tenant.';
COMMENT ON COLUMN chunk_terms.version_id IS 'Version of the chunk.';
COMMENT ON COLUMN chunk_terms.length IS 'Terms in the chunk with repetitions, at most 65535.';
COMMENT ON COLUMN chunk_terms.terms IS 'Pairs of term (4 bytes) and frequency (2 bytes), big-endian, sorted by term. decode_terms() lists them. A term is the 31-bit hash of a stemmed word, or of a Chinese, Japanese or Korean character or pair.';

-- The tail of the keyword index: chunks that became visible or invisible since the last segment was built.
CREATE TABLE keyword_changes (
    workspace_id  integer NOT NULL,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    chunk_id      integer NOT NULL,
    scope_id      integer NOT NULL,
    change        smallint NOT NULL CHECK (change IN (1, -1)),
    length        integer NOT NULL,
    terms         bytea NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
ALTER TABLE keyword_changes ALTER COLUMN terms SET STORAGE EXTERNAL;
-- Questions read this table whole, so dead rows are removed early.
ALTER TABLE keyword_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE keyword_changes IS 'Tail of the keyword index: changes that are in no segment yet. Every question reads those of its workspace.';
COMMENT ON COLUMN keyword_changes.workspace_id IS 'Tenant.';
COMMENT ON COLUMN keyword_changes.id IS 'Order of the changes.';
COMMENT ON COLUMN keyword_changes.chunk_id IS 'Chunk; it may have been deleted.';
COMMENT ON COLUMN keyword_changes.scope_id IS 'Scope in which the chunk became visible or invisible.';
COMMENT ON COLUMN keyword_changes.change IS '1: the chunk became visible; -1: it became invisible.';
COMMENT ON COLUMN keyword_changes.length IS 'Length of the chunk, as in chunk_terms.';
COMMENT ON COLUMN keyword_changes.terms IS 'Terms of the chunk, as in chunk_terms.';

-- Segments: sorted postings of many changes, never modified once built, merged by size.
CREATE TABLE keyword_segments (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL,
    merged_into   integer REFERENCES keyword_segments ON DELETE SET NULL,
    state         text NOT NULL CHECK (state IN ('building', 'live', 'replaced')),
    built_to      integer NOT NULL DEFAULT -1,
    postings      bigint NOT NULL DEFAULT 0,
    scope_ids     integer[] NOT NULL DEFAULT '{}',
    scope_chunks  integer[] NOT NULL DEFAULT '{}',
    scope_terms   bigint[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX keyword_segments_of_workspace ON keyword_segments (workspace_id);
CREATE INDEX keyword_segments_merging ON keyword_segments (merged_into);
COMMENT ON TABLE keyword_segments IS 'Segments of the keyword index. Questions read the live ones.';
COMMENT ON COLUMN keyword_segments.id IS 'ID of the segment.';
COMMENT ON COLUMN keyword_segments.workspace_id IS 'Tenant.';
COMMENT ON COLUMN keyword_segments.merged_into IS 'Segment that this one is being merged into; null if none.';
COMMENT ON COLUMN keyword_segments.state IS '`building`: a merge writes it; `live`: questions read it; `replaced`: merged into another one, its blocks are being deleted.';
COMMENT ON COLUMN keyword_segments.built_to IS 'Last term that the merge has written; -1 before the first.';
COMMENT ON COLUMN keyword_segments.postings IS 'Number of its postings.';
COMMENT ON COLUMN keyword_segments.scope_ids IS 'Scopes of its chunks.';
COMMENT ON COLUMN keyword_segments.scope_chunks IS 'For each scope: chunks that became visible minus chunks that became invisible.';
COMMENT ON COLUMN keyword_segments.scope_terms IS 'For each scope: sum of the lengths of those chunks.';
COMMENT ON COLUMN keyword_segments.created_at IS 'Time at which its build started.';

-- A frequent term has blocks of its own, one scope each; rare terms share a block.
CREATE TABLE keyword_blocks (
    segment_id     integer NOT NULL REFERENCES keyword_segments ON DELETE CASCADE,
    last_term      integer NOT NULL,
    block          integer NOT NULL,
    first_term     integer NOT NULL,
    workspace_id   integer NOT NULL,
    size           integer NOT NULL,
    max_frequency  integer NOT NULL,
    min_length     integer NOT NULL,
    directory      bytea NOT NULL,
    postings       bytea NOT NULL,
    PRIMARY KEY (segment_id, last_term, block)
);
ALTER TABLE keyword_blocks ALTER COLUMN directory SET STORAGE MAIN, ALTER COLUMN postings SET STORAGE EXTERNAL;
COMMENT ON TABLE keyword_blocks IS 'Postings of a segment in order of term, scope and chunk, packed in blocks. decode_block() lists them.';
COMMENT ON COLUMN keyword_blocks.segment_id IS 'Segment.';
COMMENT ON COLUMN keyword_blocks.last_term IS 'Highest term of the block.';
COMMENT ON COLUMN keyword_blocks.block IS 'Number of the block in its segment.';
COMMENT ON COLUMN keyword_blocks.first_term IS 'Lowest term of the block; all blocks of a frequent term have it as first and last.';
COMMENT ON COLUMN keyword_blocks.workspace_id IS 'Tenant.';
COMMENT ON COLUMN keyword_blocks.size IS 'Number of postings.';
COMMENT ON COLUMN keyword_blocks.max_frequency IS 'Highest frequency of a visible posting; with min_length, a bound of its score.';
COMMENT ON COLUMN keyword_blocks.min_length IS 'Lowest length of a chunk in the block.';
COMMENT ON COLUMN keyword_blocks.directory IS 'Entries of term (4 bytes), scope (4), number of postings (2), and chunks that became visible minus invisible (2), big-endian.';
COMMENT ON COLUMN keyword_blocks.postings IS 'Postings of chunk (4 bytes), frequency (2), and length (2, unsigned), big-endian. A negative frequency: the chunk became invisible.';

-- -------------------------------------------------------------------------------------------- scopes and the live flag
CREATE FUNCTION find_scope(in_workspace integer, in_channels text[]) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    sorted text[] := CASE WHEN in_channels IS NOT NULL THEN ARRAY(SELECT DISTINCT c FROM unnest(in_channels) AS c ORDER BY c) END;
    found_id integer;
BEGIN
    LOOP
        SELECT s.id INTO found_id FROM public.scopes s WHERE s.workspace_id = in_workspace AND s.channels IS NOT DISTINCT FROM sorted;
        EXIT WHEN found_id IS NOT NULL;
        -- Waits for a concurrent transaction that adds the same scope, and then finds it.
        INSERT INTO public.scopes (workspace_id, channels) VALUES (in_workspace, sorted) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN found_id;
END $$;
COMMENT ON FUNCTION find_scope(integer, text[]) IS 'Returns the ID of a scope and adds it if it is new.';

DROP TRIGGER documents_copy_live_sizes ON documents;
DROP FUNCTION copy_live_sizes();
CREATE FUNCTION copy_live_version() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT v.chunks, v.terms INTO NEW.live_chunks, NEW.live_terms FROM public.document_versions v WHERE v.id = NEW.live_version_id;
    NEW.scope_id := CASE WHEN NEW.live_version_id IS NOT NULL THEN public.find_scope(NEW.workspace_id, NEW.channels) END;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION copy_live_version() IS 'Sets the sizes and the scope of a document whenever its live version or its channels change.';
CREATE TRIGGER documents_copy_live_version BEFORE INSERT OR UPDATE OF live_version_id, channels ON documents
    FOR EACH ROW EXECUTE FUNCTION copy_live_version();

CREATE FUNCTION set_version_scopes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE public.document_versions v SET scope_id = CASE WHEN v.id = NEW.live_version_id THEN NEW.scope_id END
    WHERE v.id IN (OLD.live_version_id, NEW.live_version_id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION set_version_scopes() IS 'Gives the live version the scope of its document and removes it from the version that was live before.';
CREATE TRIGGER documents_set_version_scopes AFTER UPDATE OF live_version_id, channels ON documents
    FOR EACH ROW WHEN ((OLD.live_version_id, OLD.scope_id) IS DISTINCT FROM (NEW.live_version_id, NEW.scope_id))
    EXECUTE FUNCTION set_version_scopes();

CREATE FUNCTION record_scope_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.scope_id IS NOT NULL THEN
        INSERT INTO public.keyword_changes (workspace_id, chunk_id, scope_id, change, length, terms)
        SELECT t.workspace_id, t.chunk_id, OLD.scope_id, -1, t.length, t.terms FROM public.chunk_terms t WHERE t.version_id = OLD.id;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.scope_id IS NOT NULL THEN
        INSERT INTO public.keyword_changes (workspace_id, chunk_id, scope_id, change, length, terms)
        SELECT t.workspace_id, t.chunk_id, NEW.scope_id, 1, t.length, t.terms FROM public.chunk_terms t WHERE t.version_id = NEW.id;
    END IF;
    UPDATE public.embeddings e SET scope_id = NEW.scope_id
    WHERE e.chunk_id IN (SELECT c.id FROM public.chunks c WHERE c.version_id = NEW.id) AND e.scope_id IS DISTINCT FROM NEW.scope_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_scope_change() IS 'Records in the keyword index and in the vectors that the chunks of a version became visible or invisible.';
CREATE TRIGGER document_versions_record_scope_change AFTER UPDATE OF scope_id ON document_versions
    FOR EACH ROW WHEN (OLD.scope_id IS DISTINCT FROM NEW.scope_id) EXECUTE FUNCTION record_scope_change();
-- Before the rows of its chunks are deleted too.
CREATE TRIGGER document_versions_record_deletion BEFORE DELETE ON document_versions
    FOR EACH ROW WHEN (OLD.scope_id IS NOT NULL) EXECUTE FUNCTION record_scope_change();

-- ------------------------------------------------------------------------------------------ grants, row-level security
GRANT SELECT, INSERT ON scopes, keyword_changes TO refdesk_app, refdesk_worker;
GRANT DELETE ON keyword_changes TO refdesk_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON chunk_terms TO refdesk_app, refdesk_worker;
GRANT SELECT ON keyword_segments, keyword_blocks TO refdesk_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON keyword_segments, keyword_blocks TO refdesk_worker;
GRANT SELECT ON scopes, chunk_terms, keyword_changes, keyword_segments, keyword_blocks TO refdesk_read;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['scopes', 'chunk_terms', 'keyword_changes', 'keyword_segments', 'keyword_blocks'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY one_workspace ON %I TO refdesk_app
                        USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace())', name);
        EXECUTE format('CREATE POLICY all_workspaces ON %I TO refdesk_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY look ON %I FOR SELECT TO refdesk_read USING (true)', name);
    END LOOP;
END $$;

-- ----------------------------------------------------------------------------------------------------------- existing data
INSERT INTO chunk_terms (chunk_id, workspace_id, version_id, length, terms)
SELECT c.id, c.workspace_id, c.version_id, coalesce(p.length, 0), coalesce(p.terms, '')
FROM chunks c
LEFT JOIN (
    SELECT chunk_id, least(max(length), 65535) AS length,
           string_agg(int4send(term) || int2send(frequency), ''::bytea ORDER BY term) AS terms
    FROM postings GROUP BY chunk_id
) AS p ON p.chunk_id = c.id;
DROP TABLE postings;

-- Updating vectors would insert each of them into its HNSW index again; workers rebuild a missing index.
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'embeddings\_hnsw\_%' LOOP
        EXECUTE format('DROP INDEX %I', name);
    END LOOP;
END $$;
UPDATE documents SET live_version_id = live_version_id WHERE live_version_id IS NOT NULL;

-- ------------------------------------------------------------------------------------------------------------- inspection
CREATE FUNCTION decode_terms(in_terms bytea) RETURNS TABLE (term integer, frequency integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || encode(substr(in_terms, n, 4), 'hex'))::bit(32)::integer,
           ('x' || encode(substr(in_terms, n + 4, 2), 'hex'))::bit(16)::integer
    FROM generate_series(1, octet_length(in_terms), 6) AS n
$$;
COMMENT ON FUNCTION decode_terms(bytea) IS 'Lists the terms in chunk_terms.terms.';

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

CREATE VIEW inspect.postings WITH (security_invoker) AS
SELECT w.key AS workspace, t.chunk_id AS chunk, v.document_id AS document, v.scope_id IS NOT NULL AS live, p.term, p.frequency, t.length
FROM chunk_terms t JOIN workspaces w ON w.id = t.workspace_id JOIN document_versions v ON v.id = t.version_id
CROSS JOIN LATERAL decode_terms(t.terms) AS p;
COMMENT ON VIEW inspect.postings IS 'Terms of each chunk with their frequencies.';

CREATE VIEW inspect.keyword_segments WITH (security_invoker) AS
SELECT s.id, w.key AS workspace, s.state, s.merged_into, s.postings, (SELECT sum(n) FROM unnest(s.scope_chunks) AS n) AS chunks,
       cardinality(s.scope_ids) AS scopes, s.created_at
FROM keyword_segments s JOIN workspaces w ON w.id = s.workspace_id
UNION ALL
SELECT NULL, w.key, 'tail', NULL, sum(octet_length(k.terms) / 6), sum(k.change), count(DISTINCT k.scope_id), NULL
FROM keyword_changes k JOIN workspaces w ON w.id = k.workspace_id GROUP BY w.key;
COMMENT ON VIEW inspect.keyword_segments IS 'Segments of the keyword index, and the tail of each workspace: changes that are in no segment yet.';
GRANT SELECT ON inspect.postings, inspect.keyword_segments TO refdesk_read, refdesk_worker, refdesk_app;
