"""Status rows: what became of each file that a task read, as rows for the ledger."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from trailtally.cloudtrail.times import day_text
from trailtally.tables.ledger import READ, TABLE

STATUS_ROWS = pa.schema([(column.name, column.type) for column in TABLE.columns if column.name != "run_id"])


@dataclass
class Status:
    """The status of a log file, a row of a split, so far. `days` are counted from 1970-01-01."""

    file: dict[str, Any]
    e_tag: str
    status: str = READ
    reason: str | None = None
    records: int = 0
    rejected: int = 0
    members: int = 1
    days: set[int] = field(default_factory=set)

    def reject(self, problems: list[str]) -> None:
        """Add rejected records; the first problem becomes the reason."""
        self.rejected += len(problems)
        if problems and self.reason is None:
            self.reason = problems[0]

    def row(self) -> dict[str, Any]:
        """Return the status row."""
        reason = self.reason
        counted = self.status == READ
        if counted and self.rejected:
            reason = f"{self.rejected} of {self.records} records rejected: {reason}"
        if counted and self.members > 1:
            note = f"{self.members} gzip members"  # CloudTrail writes one: somebody put files together
            reason = f"{note}; {reason}" if reason else note
        return {
            "file_key": self.file["file_key"],
            "e_tag": self.e_tag,
            "size": self.file["size"],
            "status": self.status,
            "reason": reason,
            "records": self.records if counted else None,
            "rejected_records": self.rejected if counted else None,
            "days": [day_text(day) for day in sorted(self.days)] if counted else None,
        }
