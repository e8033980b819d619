DROP INDEX query_candidates_of_document;
REVOKE UPDATE (note) ON job_events FROM refdesk_app;
REVOKE UPDATE, DELETE ON queries, query_candidates FROM refdesk_worker;
REVOKE DELETE ON deliveries, feedback, helper_requests, spending_reservations, embedding_usage, gap_resolutions, workspace_settings, scopes, digests
    FROM refdesk_worker;
REVOKE UPDATE ON embedding_usage, gap_resolutions, workspace_settings FROM refdesk_worker;
