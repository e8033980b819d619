-- Back to keys without the workspace. Each statement commits by itself.

ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_delivery_id_fkey;
ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_job_id_fkey;
ALTER TABLE quarantine DROP CONSTRAINT IF EXISTS quarantine_job_id_fkey;
ALTER TABLE feedback DROP CONSTRAINT IF EXISTS feedback_job_id_fkey;
ALTER TABLE helper_requests DROP CONSTRAINT IF EXISTS helper_requests_job_id_fkey;
ALTER TABLE spending_reservations DROP CONSTRAINT IF EXISTS spending_reservations_job_id_fkey;
ALTER TABLE embedding_usage DROP CONSTRAINT IF EXISTS embedding_usage_job_id_fkey;
ALTER TABLE queries DROP CONSTRAINT IF EXISTS queries_job_id_fkey;
ALTER TABLE query_candidates DROP CONSTRAINT IF EXISTS query_candidates_query_id_fkey;
ALTER TABLE gap_resolutions DROP CONSTRAINT IF EXISTS gap_resolutions_query_id_fkey;
ALTER TABLE gap_resolutions DROP CONSTRAINT IF EXISTS gap_resolutions_job_id_fkey;
ALTER TABLE documents DROP CONSTRAINT IF EXISTS documents_scope_id_fkey;
ALTER TABLE documents DROP CONSTRAINT IF EXISTS documents_live_version_fk;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_document_id_fkey;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_job_id_fkey;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_scope_id_fkey;
ALTER TABLE chunks DROP CONSTRAINT IF EXISTS chunks_document_id_fkey;
ALTER TABLE chunks DROP CONSTRAINT IF EXISTS chunks_version_id_fkey;
ALTER TABLE chunk_terms DROP CONSTRAINT IF EXISTS chunk_terms_version_id_fkey;
ALTER TABLE embeddings DROP CONSTRAINT IF EXISTS embeddings_chunk_id_fkey;
ALTER TABLE embedding_queue DROP CONSTRAINT IF EXISTS embedding_queue_chunk_id_fkey;
ALTER TABLE embedding_queue DROP CONSTRAINT IF EXISTS embedding_queue_version_id_fkey;
ALTER TABLE keyword_segments DROP CONSTRAINT IF EXISTS keyword_segments_merged_into_fkey;
ALTER TABLE keyword_blocks DROP CONSTRAINT IF EXISTS keyword_blocks_segment_id_fkey;

ALTER TABLE jobs ADD CONSTRAINT jobs_delivery_id_fkey
    FOREIGN KEY (delivery_id) REFERENCES deliveries (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_delivery_id_fkey;
ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_delivery_id_in_workspace;

ALTER TABLE job_events ADD CONSTRAINT job_events_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE job_events VALIDATE CONSTRAINT job_events_job_id_fkey;
ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_job_id_in_workspace;

ALTER TABLE quarantine ADD CONSTRAINT quarantine_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE quarantine VALIDATE CONSTRAINT quarantine_job_id_fkey;
ALTER TABLE quarantine DROP CONSTRAINT IF EXISTS quarantine_job_id_in_workspace;

ALTER TABLE feedback ADD CONSTRAINT feedback_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE feedback VALIDATE CONSTRAINT feedback_job_id_fkey;
ALTER TABLE feedback DROP CONSTRAINT IF EXISTS feedback_job_id_in_workspace;

ALTER TABLE helper_requests ADD CONSTRAINT helper_requests_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE helper_requests VALIDATE CONSTRAINT helper_requests_job_id_fkey;
ALTER TABLE helper_requests DROP CONSTRAINT IF EXISTS helper_requests_job_id_in_workspace;

ALTER TABLE spending_reservations ADD CONSTRAINT spending_reservations_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE spending_reservations VALIDATE CONSTRAINT spending_reservations_job_id_fkey;
ALTER TABLE spending_reservations DROP CONSTRAINT IF EXISTS spending_reservations_job_id_in_workspace;

ALTER TABLE embedding_usage ADD CONSTRAINT embedding_usage_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE embedding_usage VALIDATE CONSTRAINT embedding_usage_job_id_fkey;
ALTER TABLE embedding_usage DROP CONSTRAINT IF EXISTS embedding_usage_job_id_in_workspace;

ALTER TABLE queries ADD CONSTRAINT queries_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE queries VALIDATE CONSTRAINT queries_job_id_fkey;
ALTER TABLE queries DROP CONSTRAINT IF EXISTS queries_job_id_in_workspace;

ALTER TABLE query_candidates ADD CONSTRAINT query_candidates_query_id_fkey
    FOREIGN KEY (query_id) REFERENCES queries (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE query_candidates VALIDATE CONSTRAINT query_candidates_query_id_fkey;
ALTER TABLE query_candidates DROP CONSTRAINT IF EXISTS query_candidates_query_id_in_workspace;

ALTER TABLE gap_resolutions ADD CONSTRAINT gap_resolutions_query_id_fkey
    FOREIGN KEY (query_id) REFERENCES queries (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE gap_resolutions VALIDATE CONSTRAINT gap_resolutions_query_id_fkey;
ALTER TABLE gap_resolutions DROP CONSTRAINT IF EXISTS gap_resolutions_query_id_in_workspace;

ALTER TABLE gap_resolutions ADD CONSTRAINT gap_resolutions_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE gap_resolutions VALIDATE CONSTRAINT gap_resolutions_job_id_fkey;
ALTER TABLE gap_resolutions DROP CONSTRAINT IF EXISTS gap_resolutions_job_id_in_workspace;

ALTER TABLE documents ADD CONSTRAINT documents_scope_id_fkey
    FOREIGN KEY (scope_id) REFERENCES scopes (id) NOT VALID;
ALTER TABLE documents VALIDATE CONSTRAINT documents_scope_id_fkey;
ALTER TABLE documents DROP CONSTRAINT IF EXISTS documents_scope_id_in_workspace;

ALTER TABLE documents ADD CONSTRAINT documents_live_version_fk
    FOREIGN KEY (live_version_id) REFERENCES document_versions (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED NOT VALID;
ALTER TABLE documents VALIDATE CONSTRAINT documents_live_version_fk;
ALTER TABLE documents DROP CONSTRAINT IF EXISTS documents_live_version_id_in_workspace;

ALTER TABLE document_versions ADD CONSTRAINT document_versions_document_id_fkey
    FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE document_versions VALIDATE CONSTRAINT document_versions_document_id_fkey;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_document_id_in_workspace;

ALTER TABLE document_versions ADD CONSTRAINT document_versions_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE document_versions VALIDATE CONSTRAINT document_versions_job_id_fkey;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_job_id_in_workspace;

ALTER TABLE document_versions ADD CONSTRAINT document_versions_scope_id_fkey
    FOREIGN KEY (scope_id) REFERENCES scopes (id) NOT VALID;
ALTER TABLE document_versions VALIDATE CONSTRAINT document_versions_scope_id_fkey;
ALTER TABLE document_versions DROP CONSTRAINT IF EXISTS document_versions_scope_id_in_workspace;

ALTER TABLE chunks ADD CONSTRAINT chunks_document_id_fkey
    FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE chunks VALIDATE CONSTRAINT chunks_document_id_fkey;
ALTER TABLE chunks DROP CONSTRAINT IF EXISTS chunks_document_id_in_workspace;

ALTER TABLE chunks ADD CONSTRAINT chunks_version_id_fkey
    FOREIGN KEY (version_id) REFERENCES document_versions (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE chunks VALIDATE CONSTRAINT chunks_version_id_fkey;
ALTER TABLE chunks DROP CONSTRAINT IF EXISTS chunks_version_id_in_workspace;

ALTER TABLE chunk_terms ADD CONSTRAINT chunk_terms_version_id_fkey
    FOREIGN KEY (version_id) REFERENCES document_versions (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE chunk_terms VALIDATE CONSTRAINT chunk_terms_version_id_fkey;
ALTER TABLE chunk_terms DROP CONSTRAINT IF EXISTS chunk_terms_version_id_in_workspace;

ALTER TABLE embeddings ADD CONSTRAINT embeddings_chunk_id_fkey
    FOREIGN KEY (chunk_id) REFERENCES chunks (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE embeddings VALIDATE CONSTRAINT embeddings_chunk_id_fkey;
ALTER TABLE embeddings DROP CONSTRAINT IF EXISTS embeddings_chunk_id_in_workspace;

ALTER TABLE embedding_queue ADD CONSTRAINT embedding_queue_chunk_id_fkey
    FOREIGN KEY (chunk_id) REFERENCES chunks (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE embedding_queue VALIDATE CONSTRAINT embedding_queue_chunk_id_fkey;
ALTER TABLE embedding_queue DROP CONSTRAINT IF EXISTS embedding_queue_chunk_id_in_workspace;

ALTER TABLE embedding_queue ADD CONSTRAINT embedding_queue_version_id_fkey
    FOREIGN KEY (version_id) REFERENCES document_versions (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE embedding_queue VALIDATE CONSTRAINT embedding_queue_version_id_fkey;
ALTER TABLE embedding_queue DROP CONSTRAINT IF EXISTS embedding_queue_version_id_in_workspace;

ALTER TABLE keyword_segments ADD CONSTRAINT keyword_segments_merged_into_fkey
    FOREIGN KEY (merged_into) REFERENCES keyword_segments (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE keyword_segments VALIDATE CONSTRAINT keyword_segments_merged_into_fkey;
ALTER TABLE keyword_segments DROP CONSTRAINT IF EXISTS keyword_segments_merged_into_in_workspace;

ALTER TABLE keyword_blocks ADD CONSTRAINT keyword_blocks_segment_id_fkey
    FOREIGN KEY (segment_id) REFERENCES keyword_segments (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE keyword_blocks VALIDATE CONSTRAINT keyword_blocks_segment_id_fkey;
ALTER TABLE keyword_blocks DROP CONSTRAINT IF EXISTS keyword_blocks_segment_id_in_workspace;

DROP INDEX CONCURRENTLY IF EXISTS deliveries_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS jobs_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS queries_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS scopes_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS document_versions_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS documents_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS chunks_in_workspace;
DROP INDEX CONCURRENTLY IF EXISTS keyword_segments_in_workspace;
