"""conf/emr is what the code says."""

import json
import re
from pathlib import Path

import pytest

from emr.fake import faults
from emr.test_requests import input_shape
from trailtally.emr import spark
from trailtally.emr.document import documents

CONF = Path(__file__).parents[2] / "conf" / "emr"


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_file_is_the_one_that_make_docs_writes(name: str) -> None:
    assert (CONF / name).read_text() == documents()[name], "run make docs"


def test_every_setting_is_there_with_its_reason_once() -> None:
    text = documents()["spark-defaults.conf"]
    for setting in {*spark.CLUSTER, *spark.SERVERLESS, *spark.pythons_of_serverless("3.11")}:
        assert text.count(f"# {setting.why}\n{setting.name} {setting.value}\n") == 1
    names = re.findall(r"^(spark\.\S+) ", text, re.MULTILINE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "service", "operation"),
    [
        ("step.json", "emr", "AddJobFlowSteps"),
        ("serverless-job-run.json", "emr-serverless", "StartJobRun"),
        ("brief-job-run.json", "emr-serverless", "StartJobRun"),
    ],
)
def test_with_its_placeholders_filled_the_request_is_one_that_aws_takes(name: str, service: str, operation: str) -> None:
    values = {"ROLE-ARN": "arn:aws:iam::111122223333:role/r", "APPLICATION-ID": "00f1", "ARTIFACTS-URL": "s3://code/trailtally-1"}
    text = (CONF / name).read_text()
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    assert faults(input_shape(service, operation), json.loads(text)) == []


def test_the_steps_for_the_command_aws_are_those_of_the_request() -> None:
    [step] = json.loads((CONF / "step.json").read_text())["Steps"]
    [flat] = json.loads((CONF / "add-steps.json").read_text())
    assert flat == {"Type": "CUSTOM_JAR", "Name": "trailtally", "ActionOnFailure": "CONTINUE", **step["HadoopJarStep"]}


def test_the_step_of_the_brief_runs_on_the_primary_node_and_takes_what_the_brief_takes() -> None:
    [flat] = json.loads((CONF / "brief-add-steps.json").read_text())
    assert (flat["Type"], flat["Name"], flat["ActionOnFailure"]) == ("CUSTOM_JAR", "trailtally brief", "CONTINUE")
    assert flat["Args"] == [
        *("spark-submit", "--master", "local", "--deploy-mode", "client", "--name", "trailtally brief"),
        *("--py-files", "ARTIFACTS-URL/trailtally-VERSION.zip", "--conf", "spark.pyspark.python=/opt/trailtally/bin/python"),
        *("ARTIFACTS-URL/daily_brief.py", "s3://TABLES-BUCKET/TABLES-PREFIX", "--sns-topic", "TOPIC-ARN"),
    ]
