"""The plan of a run, alone: spark-submit benchmarks/plan_job.py LEDGER MADE [SINCE]

LEDGER is an output folder with a made ledger, MADE the numbers of made_ledger.Made with commas between, SINCE the day of
--delivered-since. The listing is made; all else is the code that `daily_aggregates.py --dry-run` runs. Prints one line of JSON.
"""

import json
import sys
import time

from pyspark.sql import SparkSession

from made_ledger import Expected, Made, listed
from trailtally import published
from trailtally.daily import BATCH_BYTES
from trailtally.plan import KNOWN, Plan, make_plan, plan_text
from trailtally.session import spark_session
from trailtally.tables import ledger


def main() -> None:
    output, numbers, *since = sys.argv[1:]
    made = Made(*map(int, numbers.split(",")))
    spark = spark_session("plan_job")
    start = time.monotonic()
    days = ledger_days(output, since[0] if since else "")
    plan = planned(spark, output, made, days, since[0] if since else None)
    text = plan_text(plan, since=since[0] if since else None, pending=False)
    report = {
        "heap": spark.conf.get("spark.driver.memory"),
        "plan_seconds": time.monotonic() - start,
        "ledger_days": days,
        "counts": counts(plan)._asdict(),
        "text": text,
    }
    print(json.dumps(report))
    plan.kept.unpersist()
    spark.stop()


def ledger_days(output: str, since: str) -> list[str]:
    """The days of the ledger that the plan of a run reads, as daily.planned chooses them."""
    return [day for day in published.days_of(ledger.TABLE, output) if day >= since or day == ledger.UNDATED]


def planned(spark: SparkSession, output: str, made: Made, days: list[str], since: str | None) -> Plan:
    """The plan for the made listing, made as daily.planned makes it."""
    known = published.rows(spark, ledger.TABLE, output, days, *KNOWN)
    return make_plan(listed(spark, made, since), known, batch_bytes=BATCH_BYTES, rebuild=False)


def counts(plan: Plan) -> Expected:
    """What the plan came to."""
    return Expected(
        listed=plan.listed,
        met=plan.met,
        ignored=plan.ignored,
        known=dict(sorted(plan.known.items())),
        files=plan.files,
        bytes=plan.bytes,
        log_days=[day for batch in plan.batches for day in batch.log_days],
    )


if __name__ == "__main__":
    main()
