"""The findings of a day as lines for a phone. What comes from logs is escaped, so that no name makes a line of its own."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trailtally.brief import findings as f
from trailtally.sql.parameters import HISTORY_DAYS
from trailtally.terminal import pluralize, printable

# Lines of a brief at most; items of a section where there is room for all.
MOST_LINES, _MOST_ITEMS = 30, 10

# Of a list in one line, and characters of one value: what is left out is counted.
_NAMED, _CHARACTERS = 3, 160

_ARN = re.compile(r"arn:aws:(?:iam|sts)::(\d{12}):(.+)", re.DOTALL)


@dataclass(frozen=True)
class _Section:
    title: str
    items: list[str]
    wants_attention: bool = True
    left_out: int = 0

    def size(self, most: int) -> int:
        """Return the lines that it takes with so many items: the last one may be of one item more, or say how many are left."""
        return 1 + min(len(self.items) + self.left_out, most + 1)

    def lines(self, most: int) -> Iterator[str]:
        yield f"{'! ' if self.wants_attention else ''}{self.title}"
        count = len(self.items) + self.left_out
        shown = self.items[: most + 1 if count == most + 1 else most]
        left = count - len(shown)
        yield from (f"- {item}" for item in shown)
        if left:
            yield f"  and {left:,} more"


def headline(findings: f.Findings) -> str:
    """Return the first line, in ASCII and of less than 100 characters: the day, and whether it wants attention."""
    if findings.want_attention:
        verdict = "wants attention"
    elif not findings.days_before:
        verdict = "nothing wrong found; no history to compare with"
    else:
        verdict = "a quiet day" if findings.are_quiet else "nothing wrong"
    return f"trailtally {findings.day} (UTC): {verdict}"


def brief_text(findings: f.Findings, output: str) -> str:
    """Return the brief, of 30 lines at most: of a quiet day one. `output` is what the command to look further names."""
    if findings.are_quiet and not findings.days_before:
        return f"{headline(findings)}. {_counts(findings)}; no launch"
    if findings.are_quiet:
        return f"{headline(findings)}. {_glance(findings)}; nothing new, nothing wrong, no launch"
    sections = [section for section in _sections(findings) if section.items]
    fixed = [headline(findings), *([_glance(findings)] if findings.events else [])]
    more = f"More: trailtally show {shlex.quote(printable(output))} --since {findings.day} --until {findings.day}"
    room = MOST_LINES - len(fixed) - 1
    most = next((n for n in range(_MOST_ITEMS, 1, -1) if sum(section.size(n) for section in sections) <= room), 1)
    return "\n".join([*fixed, *(line for section in sections for line in section.lines(most)), more])


def _counts(findings: f.Findings) -> str:
    counts = [(findings.events, "event"), (findings.actors, "actor"), (findings.accounts, "account")]
    return ", ".join(pluralize(number, what) for number, what in counts)


def _glance(findings: f.Findings) -> str:
    if not findings.days_before:
        compared = "no day before to compare with"
    else:
        of = "" if findings.days_before == HISTORY_DAYS else f" of {HISTORY_DAYS}"
        compared = f"compared with {findings.days_before}{of} days"
    return f"{_counts(findings)}; {compared}"


def _sections(found: f.Findings) -> Iterator[_Section]:
    def left_out(name: str) -> int:
        return found.left_out.get(name, 0)

    if not found.events:
        yield _Section("No event of this day is in the tables", [_no_events(found)])
    yield _Section(_launches_title(found), [_launcher(one) for one in found.launchers], found.unknown_launches > 0)
    yield _Section("Root", [_root(one) for one in found.root], found.used_root)
    yield _Section(_bursts_title(found), [_burst(one, found.days_before) for one in found.bursts], left_out=left_out("bursts"))
    yield _Section("Day not whole", [*map(_gap, found.gaps), *map(_lost, found.lost)])
    yield _Section("Files not read", [_not_read(one) for one in found.not_read])
    yield _Section("New regions", [_region(one) for one in found.regions])
    yield _Section("New instance types", [_type(one) for one in found.types], left_out=left_out("types"))
    yield _Section("First-seen actors", [_new_actor(one) for one in found.new_actors], False, left_out("new_actors"))
    yield _Section("New addresses of actors", [_addresses(one) for one in found.addresses], False, left_out("addresses"))


def _no_events(found: f.Findings) -> str:
    if found.last_day_before is None:
        return f"none of the {HISTORY_DAYS} days before either. Is it the right output, and did a run succeed?"
    return f"the last day before it is {found.last_day_before}. Did the run succeed, and are logs delivered?"


def _launches_title(found: f.Findings) -> str:
    launched, failed, dry_runs, instances = (
        sum(getattr(launcher, name) for launcher in found.launchers)
        for name in ("launched", "failed_calls", "dry_runs", "instances")
    )
    unknown = f" ({found.unknown_launches:,} of unknown size)" if found.unknown_launches else ""
    parts = [f"{launched:,} launched{unknown}"]
    if failed:
        parts.append(f"{failed:,} failed")
    if dry_runs:
        parts.append(pluralize(dry_runs, "dry run"))
    size = f"; {pluralize(instances, 'instance')}" if instances else ""
    return f"Launches: {', '.join(parts)}{size}"


def _launcher(one: f.Launcher) -> str:
    parts = [pluralize(one.instances, "instance")] if one.instances or not one.unknown_calls else []
    if one.unknown_calls:
        most = "no limit known" if one.unknown_most is None else f"{one.unknown_most:,} at most"
        parts.append(f"an unknown number, {most}")
    others = [(one.failed_calls, "failed call"), (one.dry_runs, "dry run")]
    said = ", ".join(pluralize(number, what) for number, what in others if number)
    text = f"{actor_name(one.actor)}: {' and '.join(parts)}{_in_brackets(one.types)}"
    return f"{text}; {said}{_in_brackets(one.failed_types)}" if said else text


def _root(one: f.RootUse) -> str:
    parts = []
    if one.calls:
        failed = f", {one.failed_calls:,} failed" if one.failed_calls else ""
        origin = f" from {_some(one.addresses)}" if one.addresses else ""
        parts.append(f"{pluralize(one.calls, 'call')}{failed}{_in_brackets(one.apis)}{origin}")
    if one.service_calls:
        parts.append(f"{pluralize(one.service_calls, 'call')} by AWS services for it")
    return f"{actor_name(one.actor)}: {'; '.join(parts)}"


def _bursts_title(found: f.Findings) -> str:
    if not found.days_before:
        return f"Denied calls ({f.BURST_CALLS} or more; no day before to compare with)"
    return f"Bursts of denied calls ({f.BURST_CALLS} or more, {f.BURST_TIMES} times the daily mean)"


def _burst(one: f.Burst, days: int) -> str:
    before = f"; {one.denied_before:,} in {pluralize(days, 'day')} before" if days else ""
    return f"{actor_name(one.actor)}: {one.denied:,}{_in_brackets(one.apis)}{before}"


def _gap(one: f.Gap) -> str:
    return f"{_place(one.account_id, one.region)}: no event; the last was on {one.last_day}"


def _lost(one: f.LostRecords) -> str:
    records = pluralize(one.records, "record")
    if one.late:
        return f"{_place(one.account_id, one.region)}: {records} came too late, not counted"
    return f"{_place(one.account_id, one.region)}: {records} rejected, of {pluralize(one.files, 'file')}"


def _not_read(one: f.NotRead) -> str:
    undated = "" if one.is_dated else " without a date"
    reasons = f"; {pluralize(len(one.reasons) - 1, 'other reason')}" if len(one.reasons) > 1 else ""
    return f"{_place(one.account_id, one.region)}: {one.files:,} {one.status}{undated}: {_text(one.reasons[0])}{reasons}"


def _region(one: f.NewRegion) -> str:
    new = " (new account)" if one.is_new_account else ""
    return (
        f"{_place(one.account_id, one.region)}{new}: {pluralize(one.calls, 'call')}, first by {_in_account(one.first_actor, one)}"
    )


def _type(one: f.NewType) -> str:
    calls = pluralize(one.launches, "launch", "launches") if one.launches else "not launched"
    actors = _some(one.actors, lambda actor: _in_account(actor, one))
    return f"{_place(one.account_id, one.instance_type)}: {calls}, by {actors}"


def _new_actor(one: f.NewActor) -> str:
    origin = f" from {_some(one.addresses)}" if one.addresses else ""
    first = f", first {_text(one.first_api)}" if one.first_api else ""
    return f"{actor_name(one.actor)}: {pluralize(one.calls, 'call')}{origin}{first}"


def _addresses(one: f.NewAddresses) -> str:
    return f"{actor_name(one.actor)}: {_some(one.addresses)} ({one.known_before:,} known before)"


def actor_name(actor: str) -> str:
    """Return an actor's name for a line: of an ARN of IAM the account and what follows it, which `show --actor` finds."""
    arn = _ARN.fullmatch(actor)
    return f"{arn[1]} {_text(arn[2])}" if arn else _text(actor)


def _in_account(actor: str, one: f.NewRegion | f.NewType) -> str:
    """Return an actor's name for a line that begins with an account, which it names again only where it is another."""
    return actor_name(actor).removeprefix(f"{one.account_id} ")


def _place(account_id: str | None, name: str | None) -> str:
    return " ".join(_text(part) for part in (account_id, name) if part) or "no account in the path"


def _in_brackets(values: Sequence[str]) -> str:
    return f" ({_some(values)})" if values else ""


def _some(values: Sequence[str], text_of: Callable[[str], str] | None = None) -> str:
    shown = values if len(values) <= _NAMED + 1 else values[:_NAMED]
    texts = ", ".join(map(text_of or _text, shown))
    return texts if len(shown) == len(values) else f"{texts} and {len(values) - _NAMED:,} more"


def _text(value: str) -> str:
    """Return a value from the logs for a line: without control characters; of a very long one its beginning and length."""
    text = printable(value)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}... ({len(text):,} characters)"
