"""The output tables: each one's declaration, from which schemas, documentation and DDL are derived."""

from trailtally.tables import coverage, event_counts, launches, ledger, run_instances
from trailtally.tables.events import DUPLICATES, EVENTS

# In the order of publishing. `ledger` is last: it alone makes a file count as read.
TABLES = (
    EVENTS,
    DUPLICATES,
    event_counts.TABLE,
    run_instances.TABLE,
    launches.TABLE,
    coverage.TABLE,
    ledger.TABLE,
)
