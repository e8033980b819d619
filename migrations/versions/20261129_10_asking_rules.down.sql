ALTER TABLE workspace_settings DROP COLUMN ask_roles, DROP COLUMN direct_messages, DROP COLUMN channel_rules;
