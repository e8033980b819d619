DROP VIEW inspect.workers;
CREATE VIEW inspect.workers WITH (security_invoker) AS
SELECT k.id, k.role, k.queues, k.model, k.last_seen > now() - interval '30 seconds' AS alive, k.started_at, k.last_seen, k.last_task_at,
       k.profiles
FROM workers k;
COMMENT ON VIEW inspect.workers IS 'Worker processes and whether they are running.';
GRANT SELECT ON inspect.workers TO refdesk_read, refdesk_worker, refdesk_app;
