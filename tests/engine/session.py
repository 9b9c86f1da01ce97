"""The one Spark session of a test process: small, and its workers find the tests' modules."""

import functools
import os
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from trailtally.engine.spark import SparkEngine


@functools.cache
def _session() -> SparkSession:
    tests = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options: dict[str, Any] = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.sql.ui.retainedExecutions": "1",
    }
    return SparkSession.builder.config(map=options).getOrCreate()


def shared_engine() -> SparkEngine:
    """Return an engine on the session of all tests, which does even small work in Spark's tasks."""
    _session()
    return SparkEngine("trailtally tests", small=-1)
