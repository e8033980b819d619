-- Workers claim queued jobs in the order of `virtual_time`, as in start-time fair queueing: workspaces take turns, and so
-- do the people of a workspace.

ALTER TABLE jobs ADD COLUMN virtual_time bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN jobs.virtual_time IS 'Place in the fair order of its queue, lowest first; jobs with the same one follow in the order of their IDs.';

UPDATE jobs SET virtual_time = o.place
FROM (SELECT id, row_number() OVER (PARTITION BY queue, workspace_id ORDER BY id) AS place FROM jobs WHERE state = 'queued') AS o
WHERE jobs.id = o.id;

CREATE INDEX jobs_in_order ON jobs (queue, virtual_time, id) WHERE state = 'queued';
CREATE INDEX jobs_of_requester ON jobs (queue, workspace_id, requester, virtual_time) WHERE state = 'queued';
DROP INDEX jobs_queued;

CREATE FUNCTION place_in_queue(in_queue text, of_workspace integer, of_requester text, OUT start bigint, OUT step bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH RECURSIVE people (requester) AS (
            (SELECT j.requester FROM public.jobs j WHERE j.queue = in_queue AND j.workspace_id = of_workspace AND j.state = 'queued'
             ORDER BY j.requester LIMIT 1)
            UNION ALL
            SELECT (SELECT j.requester FROM public.jobs j
                    WHERE j.queue = in_queue AND j.workspace_id = of_workspace AND j.state = 'queued' AND j.requester > p.requester
                    ORDER BY j.requester LIMIT 1)
            FROM people p WHERE p.requester IS NOT NULL
        )
        SELECT greatest(
                   (SELECT j.virtual_time - 1 FROM public.jobs j WHERE j.queue = in_queue AND j.state = 'queued' AND j.attempt = 0
                    ORDER BY j.virtual_time, j.id LIMIT 1),
                   -- With `=` instead of both bounds, the planner might read the whole queue through the other index.
                   (SELECT j.virtual_time FROM public.jobs j
                    WHERE j.queue = in_queue AND j.state = 'queued'
                      AND (j.workspace_id, j.requester) >= (of_workspace, of_requester) AND (j.workspace_id, j.requester) <= (of_workspace, of_requester)
                    ORDER BY j.workspace_id DESC, j.requester DESC, j.virtual_time DESC LIMIT 1),
                   0),
               (SELECT 1 + count(*) FROM people p WHERE p.requester <> of_requester);
    END;
COMMENT ON FUNCTION place_in_queue(text, integer, text) IS 'Where the next jobs of a person are placed in the fair order of a queue: the first at start + step, the second at start + 2 × step, and so on. They start next to the first waiting job of all workspaces or after the last one of this person. The step is the number of people of the workspace with waiting jobs, so that a workspace has one share, however many people share it. It reveals nothing else about other workspaces.';

CREATE OR REPLACE FUNCTION jobs_ahead(in_queue text, of_job bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    RETURN (SELECT count(*) FROM (
        SELECT FROM public.jobs o JOIN public.jobs j ON (j.virtual_time, j.id) < (o.virtual_time, o.id)
        WHERE o.id = of_job AND j.queue = in_queue AND j.state = 'queued' LIMIT 1000) AS a);

ALTER TABLE embedding_queue ADD COLUMN requester text NOT NULL DEFAULT '';
COMMENT ON COLUMN embedding_queue.requester IS 'User who added the document; the people of a workspace take turns.';
CREATE INDEX embedding_queue_of_requester ON embedding_queue (profile_id, workspace_id, requester, due_at, chunk_id);
