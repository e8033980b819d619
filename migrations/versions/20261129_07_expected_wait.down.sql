CREATE OR REPLACE VIEW inspect.jobs WITH (security_invoker) AS
SELECT j.id, w.key AS workspace, j.kind, j.state, j.stage, j.attempt, j.requester,
       coalesce(j.payload ->> 'name', j.payload ->> 'question') AS about,
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
               format('Waiting in the queue "%s" behind %s jobs.', j.queue, jobs_ahead(j.queue, j.id))
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

DROP FUNCTION estimate_wait_s(double precision, bigint, bigint, double precision, bigint);
DROP FUNCTION question_pace();
DROP INDEX jobs_answered;
ALTER TABLE workers DROP COLUMN concurrency;
