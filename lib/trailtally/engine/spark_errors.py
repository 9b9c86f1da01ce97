"""Errors of tasks on Spark, and what Spark makes of them on the driver."""

import json
import re

from trailtally.errors import RunStopped, TrailtallyError

# The driver gets only the text of a worker's traceback, so a message travels in it as JSON between marks.
_MARK = re.compile(r'\[\[trailtally (?P<ours>ours|fault) (?P<message>"(?:[^"\\]|\\.)*") \]\]')


def mark(error: Exception) -> str:
    """Return a text with the error's message, which `translate` finds in whatever Spark prints."""
    if isinstance(error, TrailtallyError):
        return f"[[trailtally ours {json.dumps(str(error))} ]]"
    return f"[[trailtally fault {json.dumps(f'{type(error).__name__}: {error}')} ]]"


def _unmark(found: re.Match[str]) -> Exception:
    message = str(json.loads(found["message"]))
    return TrailtallyError(message) if found["ours"] == "ours" else RuntimeError(message)


# A Python worker that crashed, or a container that the cluster stopped.
_DEATH = re.compile(r"Python worker exited unexpectedly|ExecutorLostFailure|Container killed|Container from a bad node")

_MISSING_PACKAGE = re.compile(r"No module named '[^']+'")

_PACKAGES_HINT = (
    "Set PYSPARK_PYTHON (or spark.pyspark.python) to a Python that has the packages on every node, and give trailtally itself "
    "with --py-files where they lack it"
)

DIED = (
    "a worker of Spark died, as a rule because the system stopped it for its memory. Nothing of this batch was published. Give "
    "the workers more (on a cluster by spark.executor.memoryOverhead, here 1 GB for each core), or a smaller --batch-bytes"
)


class WorkerDied(Exception):
    """A process of Spark died while it ran a task."""


def translate(error: Exception, folder: str | None) -> Exception:
    """Return what an exception of Spark stands for: an error of a task, a dead worker, a full folder; else itself.

    `folder` is the temporary folder, where the engine made it.
    """
    text = str(error)
    if found := _MARK.search(text):
        return _unmark(found)
    if _DEATH.search(text):
        return WorkerDied()
    if "java.io.IOException: No space left on device" in text:
        return RunStopped(_full(folder))
    if missing := _MISSING_PACKAGE.search(text):
        return RunStopped(f"{missing[0]} in Spark's workers. {_PACKAGES_HINT}")
    return error


def _full(folder: str | None) -> str:
    where = f"the temporary folder {folder}" if folder else "the temporary folder of Spark"
    return (
        f"{where} is full. Nothing of this batch was published. Set spark.local.dir (on a local master TMPDIR will do) to a "
        "folder with room for twice the compressed logs of a batch, or give a smaller --batch-bytes"
    )
