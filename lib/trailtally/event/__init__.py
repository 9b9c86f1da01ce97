"""`trailtally event`: one event with its duplicates, its record as delivered, and who else was at work around it."""
