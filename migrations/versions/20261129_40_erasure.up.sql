-- Deleting a document removes its texts from the traces of questions that found it.
CREATE INDEX query_candidates_of_document ON query_candidates (document_id);

-- The application removes the errors of deleted documents from the events of their jobs.
GRANT UPDATE (note) ON job_events TO refdesk_app;

-- The erasure of servers and persons, and retention, run as the worker: they concern rows of several workspaces.
GRANT UPDATE, DELETE ON queries, query_candidates TO refdesk_worker;
GRANT DELETE ON deliveries, feedback, helper_requests, spending_reservations, embedding_usage, gap_resolutions, workspace_settings, scopes, digests
    TO refdesk_worker;
GRANT UPDATE ON embedding_usage, gap_resolutions, workspace_settings TO refdesk_worker;
