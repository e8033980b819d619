CREATE INDEX deliveries_of_direct_message ON deliveries (message_id) WHERE kind = 'answer' AND private AND route = 'channel';
