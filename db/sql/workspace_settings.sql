-- Settings of single channels. The other settings are read and written in db/workspace_settings.py.

-- name: update_channel_rule
-- Merge changes into the rule of one channel. A null value removes a setting, and a rule without settings is removed, as
-- are the rules of channels that do not exist any more; `existing` is null where the channels are unknown. One statement,
-- so that two managers who change different channels at the same time do not overwrite each other.
INSERT INTO workspace_settings AS s (workspace_id, channel_rules, updated_by)
VALUES (:workspace_id, nullif(jsonb_strip_nulls(jsonb_build_object(CAST(:channel AS text), CAST(:changes AS jsonb))),
                              jsonb_build_object(CAST(:channel AS text), '{}'::jsonb)), :updated_by)
ON CONFLICT (workspace_id) DO UPDATE SET updated_by = excluded.updated_by, updated_at = now(), channel_rules = (
    SELECT jsonb_object_agg(r.channel, r.rule)
    FROM jsonb_each(jsonb_strip_nulls(
        coalesce(s.channel_rules, '{}') || jsonb_build_object(CAST(:channel AS text),
            coalesce(s.channel_rules -> CAST(:channel AS text), '{}') || CAST(:changes AS jsonb)))) AS r (channel, rule)
    WHERE r.rule <> '{}' AND (r.channel = :channel OR CAST(:existing AS text[]) IS NULL OR r.channel = ANY (CAST(:existing AS text[]))));
