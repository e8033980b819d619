ALTER TABLE workspace_settings DROP COLUMN retention_days, DROP COLUMN library_mb;
