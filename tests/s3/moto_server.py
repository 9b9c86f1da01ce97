"""moto's server, with the actions that Trino wants of Glue and moto lacks. Run as a process of its own (servers.py)."""

import sys

from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse
from moto.server import main

# Without them Trino tries each again for long, and fails where it writes.
MISSING = [f"{verb}_column_statistics_for_{thing}" for verb in ("get", "update", "delete") for thing in ("table", "partition")]


def no_statistics(_: GlueResponse) -> ActionResult:
    """The answer of a Glue that knows no statistics of any column, and keeps none."""
    return ActionResult({"ColumnStatisticsList": [], "Errors": []})


if __name__ == "__main__":
    for action in MISSING:
        assert not hasattr(GlueResponse, action), f"moto has {action} now: take it out here"
        setattr(GlueResponse, action, no_statistics)
    main(sys.argv[1:])
