COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword scores, 0 to 1: lower if the best passage contains few terms of the question; 0 if keywords were not used.';
