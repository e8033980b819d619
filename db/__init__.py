"""Postgres access: models, sessions and named SQL. No other package except `migrations` imports the driver.

One module per `.sql` file in `db/sql`, with the same name. A module runs only the statements of its own file and calls
the functions of another module for anything else. Modules without a `.sql` file have no named statement.

When to use which form of SQL (decision 0015):

- The ORM (`select`, `insert`, `delete` on the classes of `db.models`) where Python supplies everything: reads and
  deletes that compare columns with values, also with optional filters, and inserts or upserts of single rows.
- Named SQL where Postgres decides or computes: every `UPDATE`, every lock, compare-and-set and fenced write, inserts of
  many rows or from a query, JSON, array and time expressions, statements with several steps, views and the catalogue.
"""
