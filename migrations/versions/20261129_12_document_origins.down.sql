DROP INDEX documents_by_origin;
