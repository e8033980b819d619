-- The default is true, because bots of the previous version do not set the column.
ALTER TABLE helper_requests ADD COLUMN posted boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN helper_requests.posted IS 'Whether the message to the helpers was posted. A request that was not, because its bot process ended, can be made again.';
GRANT UPDATE ON helper_requests TO refdesk_app;
