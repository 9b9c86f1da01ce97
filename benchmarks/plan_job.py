"""Make the plan of a run over a generated listing, in a process of its own: plan_job.py OUTPUT SHAPE [SINCE]

OUTPUT is a folder with a generated ledger, SHAPE the numbers of generate_ledger.Shape as a JSON list, SINCE the day of
--delivered-since. The listing comes from memory; all else is the code of a run, splits included. Prints one line of JSON.
"""

import json
import sys
import time

from generate_ledger import ROOT, RUN_ID, ListedStore, Shape
from trailtally.engine.local import LocalEngine
from trailtally.run import commit
from trailtally.run.plan import make_plan
from trailtally.run.plan_text import plan_text
from trailtally.run.request import Request, Stores
from trailtally.stages.planning import Splits
from trailtally.storage import open_store


def main() -> None:
    output, shape, *since = sys.argv[1:]
    request = Request(inputs=[ROOT], output=output, delivered_since=since[0] if since else None)
    stores = Stores((ListedStore(ROOT, Shape(*json.loads(shape))),), open_store(output))
    start = time.monotonic()
    with LocalEngine() as engine:
        plan = make_plan(engine, request, stores, Splits(stores.output, commit.splits(stores.output, RUN_ID)))
        text = plan_text(plan, since=request.delivered_since, pending=False)
        counted = engine.counted()
    seconds = time.monotonic() - start
    commit.clear_plan(stores.output, RUN_ID)
    counts = {"listed": plan.listed, "ignored": plan.ignored, "known": dict(sorted(plan.known.items()))}
    report = {
        "seconds": seconds,
        "phases": {name.removeprefix("seconds."): spent for name, spent in counted.items() if name.startswith("seconds.")},
        "counts": counts | {"files": plan.files, "bytes": plan.bytes},
        "text": text,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
