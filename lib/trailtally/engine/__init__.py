"""What runs stages: processes of this machine, or Spark.

An engine passes blobs with keys through stages: it calls a stage once for each key, with all blobs of that key. Only the blobs of
the last stage, which are small, return to the driver.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

from trailtally import meter
from trailtally.stages.blobs import Blob, Stage


class Engine(ABC):
    """Runs stages, and collects the counters of its tasks (meter.py)."""

    def __init__(self) -> None:
        self._of_tasks: Counter[str] = Counter()

    @abstractmethod
    def run(self, inputs: Sequence[Blob], stages: Sequence[Stage], *, weight: int) -> Iterator[Blob]:
        """Yield the last stage's blobs.

        Args:
            inputs: A blob for each task of the first stage.
            stages: Run one after the other.
            weight: The work in bytes of compressed logs, about: an engine may do little work in this process.

        Raises:
            TrailtallyError: A task failed; the message is for the user.
        """

    @abstractmethod
    def close(self) -> None:
        """End what still runs, and remove spilled blobs."""

    def settings(self, prefix: str) -> dict[str, str]:  # noqa: ARG002 - for engines that have settings
        """Return the engine's settings whose names begin with the prefix."""
        return {}

    def counted(self) -> Counter[str]:
        """Return the counters of all processes so far, this one included."""
        return meter.snapshot() + self._of_tasks

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
