"""What is new and what is wrong in a day: one dataclass for each kind of finding, all of them in `Findings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# A burst: an actor's denied calls of a day, at least so many, and so many times its daily mean in the days before.
BURST_CALLS, BURST_TIMES = 20, 10

# A region that has events on half of these days before, or more, should have some on the day, too.
GAP_DAYS = 14

# Findings of a kind that a stranger can multiply, that are listed: of a million the rest is counted.
LISTED = 100


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """What an actor launched, by so many calls that succeeded: `launched`, of which `unknown_calls` are of unknown size.

    `unknown_most` is null where one of the unknown calls does not say how many it asked for.
    `types` are those of calls that succeeded, `failed_types` those of the others, dry runs among them.
    """

    actor: str
    launched: int
    instances: int
    unknown_calls: int
    unknown_most: int | None
    failed_calls: int
    dry_runs: int
    types: tuple[str, ...]
    failed_types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NewActor:
    """An actor of the day that none of the days before has. `first_api` is what it called first."""

    actor: str
    calls: int
    first_api: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NewAddresses:
    """Addresses from which a known actor called for the first time; `known_before` is from how many it called before."""

    actor: str
    addresses: tuple[str, ...]
    known_before: int


@dataclass(frozen=True, kw_only=True)
class NewRegion:
    """A region that an account used for the first time; or the account is new."""

    account_id: str
    region: str
    is_new_account: bool
    calls: int
    first_actor: str


@dataclass(frozen=True, kw_only=True)
class NewType:
    """An instance type that an account asked for for the first time: by calls that launched some, and by others."""

    account_id: str
    instance_type: str
    launches: int
    other_calls: int
    actors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RootUse:
    """What a root user did, and how many calls AWS services made for it. `apis` and `addresses` are of its own calls."""

    actor: str
    calls: int
    failed_calls: int
    service_calls: int
    apis: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Burst:
    """An actor that was denied far more than before; without a day before, one that was denied often.

    `apis`: most often denied first.
    """

    actor: str
    denied: int
    denied_before: int
    apis: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """An account and region without events that had some before."""

    account_id: str
    region: str
    last_day: str


@dataclass(frozen=True, kw_only=True)
class LostRecords:
    """Records that are in no table: they came too late (`late`), or were rejected, in so many files.

    Account and region are null where the path does not say them.
    """

    account_id: str | None
    region: str | None
    records: int
    files: int
    late: bool


@dataclass(frozen=True, kw_only=True)
class NotRead:
    """Log files and folders of an account and region that were rejected or unreadable. `reasons`: the most common first."""

    account_id: str | None
    region: str | None
    status: str
    files: int
    is_dated: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is new and what is wrong in a day. Where no day before is in the tables, nothing is called new.

    `left_out`: by the name of a list, how many more of its findings there are.
    """

    day: str
    days_before: int
    last_day_before: str | None
    events: int
    actors: int
    accounts: int
    launchers: tuple[Launcher, ...] = ()
    root: tuple[RootUse, ...] = ()
    bursts: tuple[Burst, ...] = ()
    gaps: tuple[Gap, ...] = ()
    lost: tuple[LostRecords, ...] = ()
    not_read: tuple[NotRead, ...] = ()
    regions: tuple[NewRegion, ...] = ()
    types: tuple[NewType, ...] = ()
    new_actors: tuple[NewActor, ...] = ()
    addresses: tuple[NewAddresses, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def unknown_launches(self) -> int:
        """Return how many launches have an unknown size."""
        return sum(launcher.unknown_calls for launcher in self.launchers)

    @property
    def used_root(self) -> bool:
        """Return whether a root user called by itself, not a service for it."""
        return any(root.calls for root in self.root)

    @property
    def want_attention(self) -> bool:
        """Return whether somebody should look. First-seen actors, new addresses and launches of known size are ordinary."""
        found = (self.bursts, self.gaps, self.lost, self.not_read, self.regions, self.types)
        return not self.events or self.unknown_launches > 0 or self.used_root or any(found)

    @property
    def are_quiet(self) -> bool:
        """Return whether nothing is new, nothing wrong and nothing launched."""
        return not (self.want_attention or self.launchers or self.root or self.new_actors or self.addresses)
