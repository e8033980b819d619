CREATE OR REPLACE VIEW inspect.workers WITH (security_invoker) AS
SELECT k.id, k.role, k.queues, k.model, k.last_seen > now() - interval '30 seconds' AS alive, k.started_at, k.last_seen, k.last_task_at,
       k.profiles, k.concurrency
FROM workers k;
