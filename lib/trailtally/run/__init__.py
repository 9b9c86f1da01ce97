"""The driver's side of a run: plan, batches, lock, commit, checks, summary."""
