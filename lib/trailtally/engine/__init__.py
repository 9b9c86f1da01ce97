"""What runs stages: processes of this machine, or Spark.

An engine takes blobs with keys through stages: a stage is called once for each key, with all blobs of it. Nothing but the last
stage's blobs, which are small, comes back.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

from trailtally import meter
from trailtally.stages.blobs import Blob, Stage


class Engine(ABC):
    """Runs stages, and collects what its tasks counted (see meter.py)."""

    def __init__(self) -> None:
        self._of_tasks: Counter[str] = Counter()

    @abstractmethod
    def run(self, inputs: Sequence[Blob], stages: Sequence[Stage], *, weight: int) -> Iterator[Blob]:
        """Yield the last stage's blobs.

        Args:
            inputs: A blob a task of the first stage.
            stages: What is done one after the other.
            weight: Bytes of compressed logs that the work is about: an engine may do little work here and now.

        Raises:
            TrailtallyError: a task failed; the message is for the user.
        """

    @abstractmethod
    def close(self) -> None:
        """End what still runs, and remove what was spilled."""

    def settings(self, prefix: str) -> dict[str, str]:  # noqa: ARG002 - of engines that have settings
        """Return the engine's settings whose names begin so."""
        return {}

    def counted(self) -> Counter[str]:
        """Return what all processes counted so far, this one's included."""
        return meter.snapshot() + self._of_tasks

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
