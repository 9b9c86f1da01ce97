"""How the job is started on EMR -> conf/emr: the Spark settings with their reasons, and both requests, to be read and compared.

python -m trailtally.emr.document conf/emr
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from trailtally.emr import requests, spark
from trailtally.emr.artifacts import Artifacts
from trailtally.emr.spark import Setting

# What a reader puts in their place.
ARTIFACTS = Artifacts("ARTIFACTS-URL", "VERSION")
BRIEF = ("s3://TABLES-BUCKET/TABLES-PREFIX", "--sns-topic", "TOPIC-ARN")
BRIEF_MINUTES = 60
JOB = ("--input", "s3://LOGS-BUCKET/LOGS-PREFIX", "--output", "s3://TABLES-BUCKET/TABLES-PREFIX")
WHERE = requests.Serverless(
    "APPLICATION-ID", "ROLE-ARN", "MACHINE", "CLIENT-TOKEN", requests.MINUTES, "s3://RUNS-BUCKET/RUNS-PREFIX"
)

_HEAD = """\
# The settings of Spark that `trailtally emr submit` gives the job, as the step or the run itself: no cluster needs this file.
# Written by make docs from lib/trailtally/emr/spark.py."""


def documents() -> dict[str, str]:
    """The files by name."""
    step = requests.step("CLUSTER-ID", ARTIFACTS, JOB)
    return {
        "spark-defaults.conf": _settings(),
        "step.json": _json(step),
        "add-steps.json": _json(requests.steps_of_cli(step)),
        "serverless-job-run.json": _json(requests.job_run(WHERE, ARTIFACTS, JOB)),
        "brief-add-steps.json": _json(requests.steps_of_cli(requests.brief_step("CLUSTER-ID", ARTIFACTS, BRIEF))),
        "brief-job-run.json": _json(requests.brief_run(WHERE._replace(minutes=BRIEF_MINUTES), ARTIFACTS, BRIEF)),
    }


def _settings() -> str:
    sections = (
        ("On a cluster and on EMR Serverless", spark.COMMON),
        ("On a cluster alone", [s for s in spark.CLUSTER if s not in spark.COMMON]),
        ("On EMR Serverless alone, which beside these is told where the package and its archive are", _of_serverless()),
    )
    return "\n\n".join([_HEAD, *(f"# --- {title}\n\n{_lines(settings)}" for title, settings in sections)]) + "\n"


def _of_serverless() -> Iterable[Setting]:
    return [*spark.pythons_of_serverless(requests.PYTHON), *(s for s in spark.SERVERLESS if s not in spark.COMMON)]


def _lines(settings: Iterable[Setting]) -> str:
    return "\n".join(f"# {setting.why}\n{setting.name} {setting.value}" for setting in settings)


def _json(request: object) -> str:
    return json.dumps(request, indent=2) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
