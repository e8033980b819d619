CREATE INDEX documents_by_origin ON documents (origin) WHERE origin IS NOT NULL;
