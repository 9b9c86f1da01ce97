"""The output tables, one module each: its declaration (TABLE) and how it is built from DataFrames."""

from trailtally.tables import coverage, event_counts, launches, ledger, run_instances, sources

# In the order of publishing. `ledger` is last: it alone makes a file count as read.
TABLES = (
    event_counts.TABLE,
    run_instances.TABLE,
    launches.TABLE,
    coverage.TABLE,
    sources.TABLE,
    ledger.TABLE,
)
