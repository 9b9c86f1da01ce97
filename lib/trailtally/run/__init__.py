"""A run as the driver sees it: lock, plan, batches, checks, commit, summary."""
