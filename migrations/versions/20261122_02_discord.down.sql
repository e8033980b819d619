-- Drops what the second schema added. Jobs, documents and traces remain; deliveries, votes and settings are deleted.
DROP VIEW inspect.feedback, inspect.deliveries, inspect.queries, inspect.documents;
DROP TABLE discord_commands, workspace_settings, feedback;

CREATE OR REPLACE FUNCTION record_job_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (NEW.state, NEW.stage, NEW.attempt, NEW.cancel_requested, NEW.error)
                           IS DISTINCT FROM (OLD.state, OLD.stage, OLD.attempt, OLD.cancel_requested, OLD.error) THEN
        INSERT INTO public.job_events (job_id, workspace_id, state, stage, attempt, worker, note)
        VALUES (NEW.id, NEW.workspace_id, NEW.state, NEW.stage, NEW.attempt, NEW.lease_owner,
                CASE WHEN NEW.error IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.error IS DISTINCT FROM OLD.error)
                         THEN NEW.error_class || ': ' || NEW.error
                     WHEN NEW.cancel_requested AND (TG_OP = 'INSERT' OR NOT OLD.cancel_requested) THEN 'cancel requested'
                     ELSE '' END);
    END IF;
    PERFORM pg_notify('refdesk_jobs', json_build_object('id', NEW.id, 'state', NEW.state, 'stage', NEW.stage)::text);
    RETURN NULL;
END $$;

DROP INDEX jobs_toward_quota;
ALTER TABLE jobs DROP COLUMN delivery_id;
COMMENT ON COLUMN jobs.deliver IS 'Where the result goes, e.g. Discord channel and message id.';
COMMENT ON COLUMN jobs.stage IS 'Where in the flow it is: fetch, parse, chunk, store, embed; recall, rerank, generate.';
DROP TABLE deliveries;
DROP FUNCTION announce_delivery();
ALTER TABLE documents DROP COLUMN origin;
ALTER TABLE queries DROP COLUMN searched_as;

CREATE VIEW inspect.documents WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.title, d.source, d.media_type, v.chunks,
       (SELECT count(*) FROM embeddings e JOIN embedding_profiles p ON p.id = e.profile_id AND p.state = 'live'
        WHERE e.version_id = v.id AND e.workspace_id = d.workspace_id) AS vectors,
       v.pages, v.language, d.channels, d.added_by, encode(v.sha256, 'hex') AS sha256, d.live_version_id AS version,
       (SELECT count(*) FROM document_versions o WHERE o.document_id = d.id AND o.id IS DISTINCT FROM d.live_version_id) AS other_versions,
       d.created_at, d.updated_at
FROM documents d JOIN workspaces w ON w.id = d.workspace_id LEFT JOIN document_versions v ON v.id = d.live_version_id;

CREATE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;

COMMENT ON VIEW inspect.documents IS 'Documents with their live version.';
COMMENT ON VIEW inspect.queries IS 'Answered questions with stages, costs and fallbacks.';
GRANT SELECT ON inspect.documents, inspect.queries TO refdesk_read, refdesk_worker, refdesk_app;
