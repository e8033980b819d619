-- Rebuilds the postings from the terms of each chunk and drops the keyword index and the scopes.
CREATE TABLE postings (
    workspace_id  integer NOT NULL,
    term          integer NOT NULL,
    chunk_id      integer NOT NULL,
    version_id    integer NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    frequency     smallint NOT NULL,
    length        integer NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk_id) INCLUDE (version_id, frequency, length)
);
COMMENT ON TABLE postings IS 'Keyword index: which term occurs in which chunk. Statistics are computed per question over the visible live versions, so they cannot become stale.';
COMMENT ON COLUMN postings.workspace_id IS 'Tenant.';
COMMENT ON COLUMN postings.term IS '31-bit hash of a stemmed word, or of a Chinese, Japanese or Korean character or pair.';
COMMENT ON COLUMN postings.chunk_id IS 'Chunk.';
COMMENT ON COLUMN postings.version_id IS 'Version of the chunk; shows whether it is live without reading the chunk.';
COMMENT ON COLUMN postings.frequency IS 'Occurrences of the term in the chunk.';
COMMENT ON COLUMN postings.length IS 'Terms in the chunk with repetitions.';
INSERT INTO postings (workspace_id, term, chunk_id, version_id, frequency, length)
SELECT t.workspace_id, p.term, t.chunk_id, t.version_id, p.frequency, t.length
FROM chunk_terms t CROSS JOIN LATERAL decode_terms(t.terms) AS p;
CREATE INDEX postings_of_version ON postings (version_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON postings TO refdesk_app, refdesk_worker;
GRANT SELECT ON postings TO refdesk_read;
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON postings TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON postings TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON postings FOR SELECT TO refdesk_read USING (true);

DROP VIEW inspect.postings, inspect.keyword_segments;
DROP TRIGGER document_versions_record_deletion ON document_versions;
DROP TRIGGER document_versions_record_scope_change ON document_versions;
DROP TRIGGER documents_set_version_scopes ON documents;
DROP TRIGGER documents_copy_live_version ON documents;
DROP FUNCTION record_scope_change(), set_version_scopes(), copy_live_version(), find_scope(integer, text[]);
DROP FUNCTION decode_block(bytea, bytea), decode_terms(bytea);
DROP TABLE keyword_blocks, keyword_segments, keyword_changes, chunk_terms;
ALTER TABLE embeddings DROP COLUMN scope_id;
ALTER TABLE document_versions DROP COLUMN scope_id;
ALTER TABLE documents DROP COLUMN scope_id;
DROP TABLE scopes;

CREATE FUNCTION copy_live_sizes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT v.chunks, v.terms INTO NEW.live_chunks, NEW.live_terms FROM public.document_versions v WHERE v.id = NEW.live_version_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION copy_live_sizes() IS 'Copies the sizes of the live version to its document when the live version changes; versions never change themselves.';
CREATE TRIGGER documents_copy_live_sizes BEFORE INSERT OR UPDATE OF live_version_id ON documents
    FOR EACH ROW EXECUTE FUNCTION copy_live_sizes();
