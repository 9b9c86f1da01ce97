"""A plan as text, for `--dry-run`."""

from trailtally.cloudtrail.times import shift_day
from trailtally.run.plan import Batch, Plan
from trailtally.terminal import pluralize, printable


def plan_text(plan: Plan, *, since: str | None, pending: bool) -> str:
    """Return the plan for the user: new files by account and region, the batches, and the event days that they touch."""
    files, known = pluralize(plan.files, "log file"), pluralize(plan.known.total(), "object")
    lines = [f"{files} to read, {plan.bytes / 1e6:,.1f} MB compressed; {known} known"]
    if since:
        lines.append(f"not looked at: what was delivered before {since} (--delivered-since)")
    if pending:
        lines.append("a killed run was publishing: a run finishes that first, and may then have less to read than this")
    if plan.files:
        lines += ["", *_by_account_and_region(plan), "", *_batch_lines(plan.batches)]
    lines.append("Dry run: nothing was written")
    return "\n".join(lines)


def _by_account_and_region(plan: Plan) -> list[str]:
    found: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for batch in plan.batches:
        for day in batch.days:
            for account, region, files, size in day.places:
                found.setdefault((account, region), []).append((files, size, day.day))
    widest = max(len(printable(region)) for _, region in found)
    lines = [f"{'account':12}  {'region':{widest}}  {'files':>11}  {'MB':>11}  delivered"]
    for (account, region), days in sorted(found.items()):
        files, size = sum(day[0] for day in days), sum(day[1] for day in days)
        span = f"{min(day[2] for day in days)} to {max(day[2] for day in days)}"
        lines.append(f"{account}  {printable(region):{widest}}  {files:>11,}  {size / 1e6:>11,.1f}  {span}")
    return lines


def _batch_lines(batches: list[Batch]) -> list[str]:
    lines = [f"batch {number:,}: {batch}" for number, batch in enumerate(batches, 1) if batch.files]
    days = [day.day for batch in batches for day in batch.days if day.files]
    first = shift_day(days[0], -1)
    touched = (
        f"days of events that they would touch: as a rule {first} to {days[-1]}, the days of delivery and the one "
        "before. Others, whose events came late, show only when the files are read"
    )
    return [*lines, touched]
