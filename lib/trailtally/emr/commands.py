"""`trailtally emr`: the arguments of upload, submit and status. What these do is in actions.py."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trailtally.emr.requests import MINUTES, MOST_MINUTES

_CLUSTER = re.compile(r"j-[A-Z0-9]+")
_APPLICATION = re.compile(r"[0-9a-z]{1,64}")
_ROLE = re.compile(r"arn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/\S+")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SETTING = re.compile(r"spark\.[^=\s]+=.*", re.DOTALL)
# Of s3a and of AWS's SDKs, as a setting or an environment variable of Spark's; or in Java's options.
_SECRET = re.compile(r"(access|secret)[._-]?key|session[._-]?token|password", re.IGNORECASE)

JobParser = Callable[[], argparse.ArgumentParser]


class _Parser(argparse.ArgumentParser):
    """What comes after -- is for the job, whatever it looks like."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        given: list[str] = list(args or [])
        at = given.index("--") if "--" in given else len(given)
        found, unknown = super().parse_known_args(given[:at], namespace)
        found.arguments = given[at + 1 :]
        return found, unknown


def add_emr_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", job_parser: JobParser) -> None:
    """Adds `emr` and its own commands. Each sets `job`, a function of the parsed options that gives back what to print."""
    emr = commands.add_parser("emr", help="run the job on EMR, on a cluster or serverless")
    its = emr.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    sent = its.add_parser("upload", help="put what `make dist` built in S3")
    sent.add_argument("url", metavar="URL", help="s3://BUCKET/PREFIX: the files go to URL/trailtally-VERSION/")
    sent.add_argument("--dist", type=_folder, default=Path("dist"), metavar="FOLDER", help="what make dist built (default: dist)")
    sent.add_argument("--sse", choices=["AES256", "aws:kms", "aws:kms:dsse"], help="encryption; without it, the bucket's default")
    sent.add_argument(
        "--sse-kms-key-id", type=_given, metavar="KEY", help="the key in KMS for --sse aws:kms: an id, an ARN or an alias"
    )
    sent.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    _add_account(sent)
    sent.set_defaults(job=_upload)

    started = its.add_parser(
        "submit",
        help="start the job: a step of a cluster, or a run of EMR Serverless",
        usage="%(prog)s ARTIFACTS (--cluster ID | --application ID --role ARN) [options] -- --input PATH --output PATH ...",
        description="What comes after -- are the arguments of jobs/daily_aggregates.py.",
    )
    started.add_argument(
        "artifacts", metavar="ARTIFACTS", help="the URL that `trailtally emr upload` printed, or that it was given"
    )
    _add_place(started)
    started.add_argument("--role", type=_role, metavar="ARN", help="of --application: the role that the run has")
    started.add_argument("--wait", action="store_true", help="follow the run to its end; 1 where it fails, with its log's end")
    started.add_argument("--dry-run", action="store_true", help="print the request as JSON, and start nothing")
    started.add_argument(
        "--name",
        type=_given,
        default="trailtally",
        metavar="TEXT",
        help="the run is named `trailtally TEXT` (default: trailtally)",
    )
    started.add_argument(
        "--conf",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of Spark, over ours; repeatable",
    )
    started.add_argument("--logs", type=_given, metavar="URL", help="of --application: where its logs go, s3://BUCKET/PREFIX")
    started.add_argument(
        "--timeout-minutes",
        type=_minutes,
        metavar="N",
        help=f"of --application: it is ended after so long (default: {MINUTES}, a day; {MOST_MINUTES:,}, a week, is the most: "
        "EMR takes no value for none)",
    )
    started.add_argument(
        "--client-token", type=_token, metavar="TEXT", help="of --application: a second request with the same one starts nothing"
    )
    _add_account(started)
    started.set_defaults(job=lambda options: _submit(options, job_parser()))

    asked = its.add_parser("status", help="print the last runs, and the last one's state, reason and end of its log")
    _add_place(asked)
    asked.add_argument("--step", type=_given, metavar="ID", help="of --cluster: this step alone")
    asked.add_argument("--run", type=_given, metavar="ID", help="of --application: this run alone")
    _add_account(asked)
    asked.set_defaults(job=_status)


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--cluster", type=_cluster, metavar="ID", help="a cluster, such as j-2AXXXXXXGAPLF")
    place.add_argument("--application", type=_application, metavar="ID", help="an application of EMR Serverless")


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", type=_given, metavar="NAME", help="profile of ~/.aws/config (AWS_PROFILE)")
    parser.add_argument("--region", type=_given, metavar="REGION", help="region of EMR and of the bucket (AWS_REGION)")
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")


def _upload(options: argparse.Namespace) -> str:
    from trailtally.emr.actions import upload  # noqa: PLC0415 - boto3 takes half a second, which --help need not wait for

    return upload(options)


def _submit(options: argparse.Namespace, job_parser: argparse.ArgumentParser) -> str:
    from trailtally.emr.actions import submit  # noqa: PLC0415 - as above

    return submit(options, job_parser)


def _status(options: argparse.Namespace) -> str:
    from trailtally.emr.actions import status  # noqa: PLC0415 - as above

    return status(options)


# --- Arguments ------------------------------------------------------------------------------------------------------------


def _cluster(text: str) -> str:
    return _matching(_CLUSTER, text, "the id of a cluster, such as j-2AXXXXXXGAPLF")


def _application(text: str) -> str:
    return _matching(_APPLICATION, text, "the id of an application, such as 00f1abcdexample0")


def _role(text: str) -> str:
    return _matching(_ROLE, text, "the ARN of a role, such as arn:aws:iam::111122223333:role/trailtally-job")


def _token(text: str) -> str:
    return _matching(_TOKEN, text, "a token: 64 letters, digits, . _ - at most")


def _setting(text: str) -> str:
    _matching(_SETTING, text, "a setting of Spark, such as spark.dynamicAllocation.maxExecutors=50")
    if _SECRET.search(text):
        raise argparse.ArgumentTypeError(
            f"{text.partition('=')[0]}: EMR would show the secret to whoever may read its steps and runs. Leave it out: the job "
            "runs as the cluster's instance profile, or as --role"
        )
    return text


def _given(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: is a variable of the shell not set?")
    return text


def _folder(text: str) -> Path:
    return Path(_given(text))


def _matching(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return text


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 5 <= int(text) <= MOST_MINUTES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes, 5 to {MOST_MINUTES}")
    return int(text)
