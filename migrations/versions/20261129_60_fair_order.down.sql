DROP INDEX embedding_queue_of_requester;
ALTER TABLE embedding_queue DROP COLUMN requester;

CREATE OR REPLACE FUNCTION jobs_ahead(in_queue text, of_job bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    RETURN (SELECT count(*) FROM (SELECT FROM public.jobs j WHERE j.queue = in_queue AND j.state = 'queued' AND j.id < of_job LIMIT 1000) AS a);

DROP FUNCTION place_in_queue(text, integer, text);
CREATE INDEX jobs_queued ON jobs (queue, id) WHERE state = 'queued';
ALTER TABLE jobs DROP COLUMN virtual_time;
