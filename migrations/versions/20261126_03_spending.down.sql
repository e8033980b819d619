-- Takes the reservations and the view away again.
DROP VIEW inspect.spending;
DROP TABLE spending_reservations;
