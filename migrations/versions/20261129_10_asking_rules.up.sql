ALTER TABLE workspace_settings ADD COLUMN ask_roles text[];
ALTER TABLE workspace_settings ADD COLUMN direct_messages boolean;
ALTER TABLE workspace_settings ADD COLUMN channel_rules jsonb CHECK (jsonb_typeof(channel_rules) = 'object');
COMMENT ON COLUMN workspace_settings.ask_roles IS 'Discord roles whose members may ask; managers always may. Null or empty: everyone.';
COMMENT ON COLUMN workspace_settings.direct_messages IS 'Whether members may ask the workspace from direct messages. Null: yes.';
COMMENT ON COLUMN workspace_settings.channel_rules IS 'Settings of single channels by their ID: `ask_roles`, `answers` (`public` or `private`), `threads`. What a channel does not set is as on the whole server.';
