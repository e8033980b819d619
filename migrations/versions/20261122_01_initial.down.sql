-- Drops the first schema. Roles remain: other databases of the server may use them.
DROP SCHEMA inspect CASCADE;
DROP FUNCTION jobs_ahead(text, bigint);
DROP TABLE query_candidates, queries, embedding_queue, embeddings, postings, quarantine, workers CASCADE;
ALTER TABLE documents DROP CONSTRAINT documents_live_version_fk;
DROP TABLE chunks, document_versions, documents, blobs, job_events, jobs, embedding_profiles, workspaces CASCADE;
DROP FUNCTION record_job_change();
DROP FUNCTION current_workspace();
REVOKE ALL ON SCHEMA public FROM refdesk_app, refdesk_worker, refdesk_read;
