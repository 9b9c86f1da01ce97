"""The tables in Athena: their DDL, their registration in Glue, and named queries that answer questions."""
