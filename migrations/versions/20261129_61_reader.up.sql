-- What the view of jobs shows of a payload, which also contains earlier answers of a conversation.
ALTER TABLE jobs ADD COLUMN about text GENERATED ALWAYS AS (coalesce(payload ->> 'name', payload ->> 'question')) STORED;
COMMENT ON COLUMN jobs.about IS 'Name of the document or text of the question, from the payload.';

CREATE OR REPLACE VIEW inspect.jobs WITH (security_invoker) AS
SELECT j.id, w.key AS workspace, j.kind, j.state, j.stage, j.attempt, j.requester,
       j.about,
       j.progress_done, j.progress_total, j.error_class, j.error,
       CASE
           WHEN j.state = 'queued' AND j.run_after > now() AND j.error IS NOT NULL THEN
               format('Waiting to retry at %s after %s: %s', to_char(j.run_after, 'HH24:MI:SS'), j.error_class, j.error)
           WHEN j.state = 'queued' AND j.run_after > now() THEN
               format('Rate limited until %s.', to_char(j.run_after, 'HH24:MI:SS'))
           WHEN j.state = 'queued' AND NOT EXISTS (
               SELECT FROM workers k WHERE j.queue = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds') THEN
               format('Waiting for a worker (no %s worker is running%s). Start one with `refdesk worker %s`.', j.queue,
                      coalesce((SELECT '; last heartbeat at ' || to_char(max(k.last_seen), 'YYYY-MM-DD HH24:MI:SS')
                                FROM workers k WHERE j.queue = ANY (k.queues)), ''), j.queue)
           WHEN j.state = 'queued' AND j.published_at IS NULL THEN 'Not published to the queue yet (is Redis running?). The sweeper publishes it on its next run.'
           WHEN j.state = 'queued' THEN
               format('Waiting in the queue "%s" behind %s jobs%s.', j.queue, jobs_ahead(j.queue, j.id),
                      (SELECT format(', about %s', CASE WHEN e.wait_s < 60 THEN format('%s s', greatest(5, ceil(e.wait_s / 5) * 5))
                                                        ELSE format('%s min', ceil(e.wait_s / 60)) END)
                       FROM question_pace() p, estimate_wait_s(p.typical_s, p.slots, p.running, p.elapsed_s, jobs_ahead(j.queue, j.id)) AS e (wait_s)
                       WHERE j.queue = 'query' AND e.wait_s IS NOT NULL))
           WHEN j.state = 'running' AND j.cancel_requested THEN format('Cancellation requested; %s stops it at the next stage.', coalesce(j.lease_owner, 'the embedding worker'))
           WHEN j.state = 'running' AND j.lease_expires < now() THEN
               format('The lease of worker %s expired at %s. The sweeper queues the job again on its next run.', j.lease_owner, to_char(j.lease_expires, 'HH24:MI:SS'))
           WHEN j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL THEN
               format('Waiting for vectors (%s of %s chunks embedded%s', j.progress_done, j.progress_total,
                      CASE WHEN EXISTS (SELECT FROM workers k WHERE 'ingest' = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds')
                           THEN ').' ELSE '; no ingest worker is running). Start one with `refdesk worker ingest`.' END)
           WHEN j.state = 'running' THEN
               format('Running on %s since %s, stage %s%s.', j.lease_owner, to_char(j.lease_since, 'HH24:MI:SS'), j.stage,
                      CASE WHEN j.progress_total > 0 THEN format(', %s of %s', j.progress_done, j.progress_total) ELSE '' END)
           WHEN j.state = 'failed' THEN format('Failed with %s: %s', j.error_class, j.error)
           WHEN j.state = 'dead' THEN format('Dead after %s attempts. Retry with `refdesk jobs retry %s`. Last error: %s: %s', j.attempt, j.id, j.error_class, j.error)
           WHEN j.state = 'cancelled' THEN format('Cancelled at %s.', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
           ELSE format('Done at %s.', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
       END AS why,
       j.lease_owner, j.lease_expires, j.run_after, j.created_at, j.started_at, j.finished_at, j.delivered_at,
       round((extract(epoch FROM coalesce(j.finished_at, now()) - j.created_at) * 1000)::numeric) AS age_ms
FROM jobs j JOIN workspaces w ON w.id = j.workspace_id;

DROP VIEW inspect.chunks, inspect.queries, inspect.rankings, inspect.feedback, inspect.keyword_segments;
CREATE VIEW inspect.chunks WITH (security_invoker) AS
SELECT c.id, w.key AS workspace, d.id AS document, d.title, c.ordinal, c.page, c.tokens, (c.version_id = d.live_version_id) AS live,
       EXISTS (SELECT FROM embeddings e WHERE e.chunk_id = c.id) AS embedded, c.confidence
FROM chunks c JOIN documents d ON d.id = c.document_id JOIN workspaces w ON w.id = c.workspace_id;
COMMENT ON VIEW inspect.chunks IS 'Chunks with their document and position, and whether they are embedded.';

CREATE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at, q.searched_as,
       q.dense_weight, q.keyword_weight
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;
COMMENT ON VIEW inspect.queries IS 'Answered questions with stages, costs and fallbacks.';

CREATE VIEW inspect.rankings WITH (security_invoker) AS
SELECT k.query_id AS query, w.key AS workspace, k.rank, k.recall_rank, k.recall_rank - k.rank AS moved_up, round(k.score::numeric, 4) AS score,
       k.raw_score, k.dense_rank, round(k.dense_score::numeric, 4) AS dense_score, k.keyword_rank,
       round(k.keyword_score::numeric, 4) AS keyword_score, k.citation, k.title, k.page, k.method, k.flags, k.chunk_id AS chunk,
       k.document_id AS document
FROM query_candidates k JOIN workspaces w ON w.id = k.workspace_id;
COMMENT ON VIEW inspect.rankings IS 'Candidates of each question before and after reranking.';

CREATE VIEW inspect.feedback WITH (security_invoker) AS
SELECT f.job_id AS job, w.key AS workspace, f.user_id, f.vote, coalesce(q.question, j.about) AS question, q.abstained,
       q.reranker, q.answer_model, f.created_at, f.updated_at, f.reason
FROM feedback f JOIN workspaces w ON w.id = f.workspace_id JOIN jobs j ON j.id = f.job_id LEFT JOIN queries q ON q.job_id = f.job_id;
COMMENT ON VIEW inspect.feedback IS 'Votes with their question.';

CREATE VIEW inspect.keyword_segments WITH (security_invoker) AS
SELECT s.id, w.key AS workspace, s.state, s.merged_into, s.postings, (SELECT sum(n) FROM unnest(s.scope_chunks) AS n) AS chunks,
       cardinality(s.scope_ids) AS scopes, s.created_at
FROM keyword_segments s JOIN workspaces w ON w.id = s.workspace_id
UNION ALL
SELECT NULL, w.key, 'tail', NULL, NULL, sum(k.change), count(DISTINCT k.scope_id), NULL
FROM keyword_changes k JOIN workspaces w ON w.id = k.workspace_id GROUP BY w.key;
COMMENT ON VIEW inspect.keyword_segments IS 'Segments of the keyword index, and the tail of each workspace: changes that are in no segment yet, whose postings are not counted.';
GRANT SELECT ON inspect.chunks, inspect.queries, inspect.rankings, inspect.feedback, inspect.keyword_segments
    TO refdesk_read, refdesk_worker, refdesk_app;
REVOKE SELECT ON inspect.postings FROM refdesk_read;

-- ------------------------------------------------------------------------------------------------------------- grants
-- Columns are listed, so that a new column with contents is not readable before a migration grants it.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM refdesk_read;
GRANT SELECT ON alembic_version, workspaces, workers, embedding_profiles, documents, document_versions, scopes, job_events, quarantine,
    embedding_queue, embedding_usage, keyword_segments, feedback, gap_resolutions, helper_requests, workspace_settings, digests, discord_commands,
    spending_reservations, spending TO refdesk_read;
GRANT SELECT (id, workspace_id, kind, queue, requester, about, state, stage, attempt, max_attempts, virtual_time, lease_owner, lease_token, lease_since,
              lease_expires, cancel_requested, run_after, progress_done, progress_total, error_class, error, deliver, delivered_at,
              published_at, created_at, requested_at, started_at, finished_at, delivery_id) ON jobs TO refdesk_read;
GRANT SELECT (id, workspace_id, document_id, version_id, ordinal, page, tokens, confidence) ON chunks TO refdesk_read;
GRANT SELECT (profile_id, chunk_id, workspace_id, version_id, scope_id) ON embeddings TO refdesk_read;
GRANT SELECT (workspace_id, id, chunk_id, scope_id, change, length) ON keyword_changes TO refdesk_read;
GRANT SELECT (id, workspace_id, job_id, requester, question, searched_as, recall, top_n, top_k, reranker_asked, reranker, profile_id, plan,
              rows_asked, rows_returned, abstained, answer_model, timings_ms, calls, prompt_tokens, completion_tokens, cost_usd,
              prompt_hashes, fallbacks, created_at, dense_weight, keyword_weight, baseline) ON queries TO refdesk_read;
GRANT SELECT (query_id, chunk_id, workspace_id, document_id, title, page, recall_rank, recall_score, dense_rank, dense_score, keyword_rank,
              keyword_score, rank, score, raw_score, method, flags, citation) ON query_candidates TO refdesk_read;
GRANT SELECT (id, workspace_id, request_key, kind, application_id, guild_id, channel_id, message_id, reply_to_id, user_id, locale,
              private, route, token_expires, state, generation, parts_sent, claim_owner, claim_token, claim_expires, attempts,
              due_at, error, created_at, delivered_at) ON deliveries TO refdesk_read;
COMMENT ON SCHEMA inspect IS 'Views for operators without contents of documents, answers and tokens, for example for `refdesk sql`.';
