"""SQL over the tables of an output with DuckDB, on this machine, wherever the tables lie."""
