"""The daily tables -> what is new and what is wrong in a day, in 30 lines at most, published to a topic of SNS.

    spark-submit jobs/daily_brief.py OUTPUT [--day DAY] [--sns-topic ARN]

The command `trailtally brief`, for where the job runs, with the packages that it has there. It starts no Spark session: on YARN
it runs in client mode, as in cluster mode a driver without a session counts as failed.
"""

import sys

from trailtally.cli.brief import brief_main

if __name__ == "__main__":
    sys.exit(brief_main())
