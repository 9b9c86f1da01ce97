"""jobs/daily_brief.py by the very line of the step on EMR, with the package from a zip and no Spark session."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brief.conftest import DAY, on
from builders import key, log, write
from conftest import ROOT, run_job
from trailtally.emr.artifacts import Artifacts
from trailtally.emr.spark import VENV, brief_step_arguments

SPARK_SUBMIT = Path(sys.executable).parent / "spark-submit"


def test_the_step_of_emr_prints_the_brief_and_ends_with_its_status(tmp_path: Path) -> None:
    if not SPARK_SUBMIT.exists():
        pytest.skip("pyspark is not here: make spark")
    root = {"type": "Root", "arn": "arn:aws:iam::111122223333:root"}
    run_job(write(tmp_path / "tree", {key(): log(on(DAY, "e1", userIdentity=root))}), output=tmp_path / "tables")
    artifacts = Artifacts(str(tmp_path))
    shutil.make_archive(artifacts.package.removesuffix(".zip"), "zip", ROOT / "lib", "trailtally")
    shutil.copy(ROOT / "jobs" / "daily_brief.py", artifacts.brief)
    line = brief_step_arguments(artifacts, [str(tmp_path / "tables"), "--day", DAY, "--exit-code"])
    command = [str(SPARK_SUBMIT), *(part.replace(VENV, sys.prefix) for part in line[1:])]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    headline = (
        "trailtally 2026-03-09 (UTC): wants attention\n1 event, 1 actor, 1 account; no day before to compare with\n! Root\n"
    )
    assert headline in done.stdout
    assert "SparkContext" not in done.stdout + done.stderr
