"""The job's own arguments, checked before anything is started: what is wrong is told here in no time, there after minutes."""

import argparse
import contextlib
import io
from collections.abc import Sequence

from trailtally import storage
from trailtally.cli.access_options import output_access_in
from trailtally.errors import UsageError

_ENDPOINTS = {"endpoint_url": "--endpoint-url", "output_endpoint_url": "--output-endpoint-url"}
_PROFILES = {"profile": "--profile", "output_profile": "--output-profile"}


def check_job(arguments: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Raises UsageError, or SystemExit as argparse does, for what the job would not take on EMR. `parser`: that of the job."""
    if not arguments:
        raise UsageError("the job has no arguments: give them after --, such as: -- --input s3://my-logs --output s3://my-tables")
    parser.prog, parser.usage = "trailtally emr submit: arguments of the job", argparse.SUPPRESS
    options = _parsed(arguments, parser)
    output_access_in(options, parser.error)
    for name, option in _PROFILES.items():
        if getattr(options, name):
            raise UsageError(
                f"arguments of the job: {option} {getattr(options, name)}: EMR has none of this machine's profiles. Leave it "
                "out: the job runs as the cluster's instance profile, or as --role"
            )
    for name, option in _ENDPOINTS.items():
        if "@" in (getattr(options, name) or ""):
            raise UsageError(
                f"arguments of the job: {option} has a user or a password in it, and EMR would show them to whoever may read its "
                "steps and runs. Leave them out: the job runs as the cluster's instance profile, or as --role"
            )
    output = _in_s3("--output", options.output)
    for text in options.input:
        path = _in_s3("--input", text)
        if _is_inside(output, path) or _is_inside(path, output):
            raise UsageError(f"arguments of the job: --output {output} and --input {path} lie one inside the other")


def _parsed(arguments: Sequence[str], parser: argparse.ArgumentParser) -> argparse.Namespace:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return parser.parse_args(arguments)
    except SystemExit as end:
        if end.code:
            raise
        raise UsageError(
            "arguments of the job: with --help or --version it does nothing else: give those to jobs/daily_aggregates.py here"
        ) from None


def _in_s3(option: str, text: str) -> str:
    url = storage.location(text)
    if not storage.is_remote(url):
        raise UsageError(f"arguments of the job: {option} {text}: EMR has no folder of this machine. Give s3://BUCKET/PREFIX")
    return url


def _is_inside(url: str, folder: str) -> bool:
    """Return whether the URL is the folder or lies below it."""
    return url == folder or url.startswith(f"{folder}/")
