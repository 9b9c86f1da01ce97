"""A CloudTrail tree -> the daily tables events, duplicates, event_counts, run_instances, launches, coverage and ledger.

    spark-submit jobs/daily_aggregates.py --input PATH [--input PATH ...] --output PATH

A row of event_counts is a day x account x region x API x actor x address x outcome. A day is the UTC day of eventTime; an
event counts once however often it was delivered. Not in the tables: Insights, network activity and aggregated events, which
CloudTrail keeps beside the logs, and digests.
"""

import sys

from trailtally.cli.run import spark_main

if __name__ == "__main__":
    sys.exit(spark_main())
