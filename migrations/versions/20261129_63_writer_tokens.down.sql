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
    IF NEW.delivery_id IS NOT NULL THEN
        PERFORM pg_notify('refdesk_deliveries', NEW.delivery_id::text);
    END IF;
    RETURN NULL;
END $$;
ALTER TABLE job_events DROP COLUMN writer_token;
ALTER TABLE jobs DROP COLUMN writer_token;
