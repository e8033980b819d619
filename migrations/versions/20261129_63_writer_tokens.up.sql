ALTER TABLE jobs ADD COLUMN writer_token uuid;
COMMENT ON COLUMN jobs.writer_token IS 'Fencing token under which a worker last changed state or stage; null after the sweeper ended the lease.';
ALTER TABLE job_events ADD COLUMN writer_token uuid;
COMMENT ON COLUMN job_events.writer_token IS 'Fencing token of the worker that wrote last, at this event. `refdesk verify` checks that none follows the token of another lease.';

-- As before, with the token.
CREATE OR REPLACE FUNCTION record_job_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (NEW.state, NEW.stage, NEW.attempt, NEW.cancel_requested, NEW.error)
                           IS DISTINCT FROM (OLD.state, OLD.stage, OLD.attempt, OLD.cancel_requested, OLD.error) THEN
        INSERT INTO public.job_events (job_id, workspace_id, state, stage, attempt, worker, writer_token, note)
        VALUES (NEW.id, NEW.workspace_id, NEW.state, NEW.stage, NEW.attempt, NEW.lease_owner, NEW.writer_token,
                CASE WHEN NEW.error IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.error IS DISTINCT FROM OLD.error)
                         THEN NEW.error_class || ': ' || NEW.error
                     WHEN NEW.cancel_requested AND (TG_OP = 'INSERT' OR NOT OLD.cancel_requested) THEN 'cancel requested'
                     ELSE '' END);
    END IF;
    PERFORM pg_notify('refdesk_jobs', json_build_object('id', NEW.id, 'state', NEW.state, 'stage', NEW.stage)::text);
    IF NEW.delivery_id IS NOT NULL THEN
        PERFORM pg_notify('refdesk_deliveries', NEW.delivery_id::text);
    END IF;
    RETURN NULL;
END $$;
