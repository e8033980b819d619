COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword scores, 0 to 1: lower if the best passage has few words of the question; 0 if keywords were not used.';
