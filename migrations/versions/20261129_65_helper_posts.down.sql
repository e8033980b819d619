REVOKE UPDATE ON helper_requests FROM refdesk_app;
ALTER TABLE helper_requests DROP COLUMN posted;
