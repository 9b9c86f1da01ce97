"""What `trailtally emr upload`, `submit` and `status` do. Their arguments are in commands.py."""

import argparse
import json
import re
import sys
import uuid
from collections.abc import Sequence
from typing import Any

from trailtally import storage
from trailtally.aws import client
from trailtally.cli.access_options import region_in
from trailtally.emr.artifacts import SUMS, Artifacts, artifacts_at, digests_in
from trailtally.emr.follow import check_success, follow, goes_on, logs_after, told_logs, told_of_run
from trailtally.emr.job import check_job
from trailtally.emr.logs import driver_logs
from trailtally.emr.objects import below, content
from trailtally.emr.requests import MACHINES, MINUTES, PYTHON, Serverless, check_release, job_run, step
from trailtally.emr.runs import DAYS, NAME, Application, Cluster, Place, Run, lasted
from trailtally.emr.upload import Target, built, send, to_send
from trailtally.errors import UsageError
from trailtally.terminal import align_columns, printable

_LISTED = 10


def upload(options: argparse.Namespace) -> str:
    """Puts the artifacts in S3; gives where they are, and the commands that come next."""
    if options.sse_kms_key_id and not (options.sse or "").startswith("aws:kms"):
        raise UsageError("--sse-kms-key-id needs --sse aws:kms")
    artifacts = artifacts_at(options.url)
    files = built(options.dist, artifacts)
    encryption = {"ServerSideEncryption": options.sse, "SSEKMSKeyId": options.sse_kms_key_id}
    target = Target(_client("s3", options), artifacts.url, {name: value for name, value in encryption.items() if value})
    why = to_send(files, target)
    if options.dry_run:
        size = sum(map(files.size, why)) / 1e6
        lines = [f"  {files.size(name) / 1e6:9,.1f} MB  {name} ({reason})" for name, reason in why.items()]
        return "\n".join(
            [f"{options.dist} to {artifacts.url}/: {len(why)} of {len(files.digests)} files, {size:,.1f} MB", *lines]
        )
    send(files, target, why, _say)
    job = "--input s3://... --output s3://..."
    return "\n".join(
        [
            f"{artifacts.url}: {len(why)} files sent, {len(files.digests) - len(why)} were there",
            "next, on a cluster whose bootstrap action is",
            f"    {artifacts.bootstrap} --emr {artifacts.url}",
            f"  trailtally emr submit {artifacts.url} --cluster ID --wait -- {job}",
            "or on EMR Serverless",
            f"  trailtally emr submit {artifacts.url} --application ID --role ARN --logs s3://... --wait -- {job}",
        ]
    )


def submit(options: argparse.Namespace, job_parser: argparse.ArgumentParser) -> str:
    """Starts the job, unless it is a dry run; gives the request then, else where the run is or what became of it."""
    artifacts = artifacts_at(options.artifacts)
    check_job(options.arguments, job_parser)
    needed = [artifacts.sums, artifacts.job, artifacts.package]
    place: Place
    if options.cluster:
        # One try: where only the answer to it is lost, EMR would add a second step at the next one.
        place = Cluster(_client("emr", options, tries=1), options.cluster)
        request = _step(options, artifacts)
    else:
        place = Application(_client("emr-serverless", options), options.application)
        where = _serverless(options, place)
        request = job_run(where, artifacts, options.arguments, name=_name(options), more=options.conf)
        needed.append(artifacts.site_packages(PYTHON, where.machine))
    s3 = _client("s3", options)
    _check_there(s3, artifacts.url, needed)
    if options.dry_run:
        return json.dumps(request, indent=2)
    # Made before the start: it takes a while, and so does not come between the run and who waits for it.
    followed, number = _place(options) if options.wait else place, ""
    with told_of_run(lambda: goes_on(place, number) if number else place.unsure(request)):
        number = place.start(request)
        if not options.wait:
            return f"{place.word} {number}\nwhat becomes of it: trailtally emr status {place.options} {place.option_of(number)}"
        run = follow(followed, number, say=_say)
    return _ended(followed, s3, run)


def _ended(place: Place, s3: Any, run: Run) -> str:
    """Says at once what became of a run, then what its log says. Raises RunFailed where it failed."""
    print("\n".join(_told(place, run)), flush=True)
    logs = logs_after(s3, run, say=_say)
    text = "\n".join(told_logs(place, run, logs))
    if not run.succeeded:
        print(text, flush=True)
    check_success(place, run, logs)
    return text


def status(options: argparse.Namespace) -> str:
    """The last runs, and what became of the last one; or of the one that is named."""
    if (options.cluster and options.run) or (options.application and options.step):
        raise UsageError("a cluster has steps (--cluster, --step), an application has runs (--application, --run)")
    place, number, lines = _place(options), options.step or options.run, []
    if not number:
        runs = place.last(_LISTED)
        if not runs:
            return f"no {place.word} of trailtally there" + (f" in the last {DAYS} days" if options.application else "")
        lines, number = [*_list(place, runs), ""], runs[0].number
    run = place.get(number)
    logs = driver_logs(_client("s3", options), run)
    return "\n".join([*lines, *_told(place, run), *told_logs(place, run, logs)])


def _list(place: Place, runs: Sequence[Run]) -> list[str]:
    header = [place.word, "state", "created (UTC)", "lasted", "name"]
    rows = [[run.number, run.state.lower(), f"{run.created:%Y-%m-%d %H:%M:%S}", lasted(run), printable(run.name)] for run in runs]
    return align_columns([header, *rows], [False] * len(header))


def _told(place: Place, run: Run) -> list[str]:
    began = f"started {run.started:%Y-%m-%d %H:%M:%S} UTC" if run.started else f"created {run.created:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"{place.word + ':':<9} {run.number}, {run.state.lower()}, {began}, {lasted(run)}"]
    lines += [f"reason:   {printable(run.reason)}"] if run.reason else []
    lines += [f"cost:     {run.used}"] if run.used else []
    return lines


def _step(options: argparse.Namespace, artifacts: Artifacts) -> dict[str, Any]:
    for option in ("role", "logs", "timeout_minutes", "client_token"):
        if getattr(options, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} is for --application: a cluster has its own")
    return step(options.cluster, artifacts, options.arguments, name=_name(options), more=options.conf)


def _serverless(options: argparse.Namespace, application: Application) -> Serverless:
    if not options.role:
        raise UsageError("--application needs --role: the ARN of the role that the run has")
    for setting in options.conf:
        if re.search(r"[\s\"'\\]", setting):
            raise UsageError(f"--conf {setting}: EMR Serverless takes no setting with a space, a quote or a backslash in it")
    logs = storage.location(options.logs) if options.logs else None
    if logs and not storage.is_remote(logs):
        raise UsageError(f"--logs {options.logs}: EMR writes to S3 alone. Give s3://BUCKET/PREFIX")
    found = application.read()
    check_release(found["releaseLabel"])
    if not logs and not found.get("monitoringConfiguration", {}).get("s3MonitoringConfiguration"):
        _say("without --logs s3://BUCKET/PREFIX the driver's log is in EMR's own store alone, and cannot be shown here")
    machine, token = MACHINES[found.get("architecture", "X86_64")], options.client_token or str(uuid.uuid4())
    return Serverless(options.application, options.role, machine, token, options.timeout_minutes or MINUTES, logs)


def _name(options: argparse.Namespace) -> str:
    return options.name if options.name.startswith(NAME) else f"{NAME} {options.name}".strip()


def _check_there(s3: Any, url: str, needed: Sequence[str]) -> None:
    """Raises UsageError unless all that the run fetches is there, and of the set that SHA256SUMS tells of."""
    there, named, above = below(s3, url), {SUMS}, url.rpartition("/")[0]
    if SUMS in there:
        sums = f"{url}/{SUMS}"
        named.update(digests_in(content(s3, sums), sums, f"Put the set there anew: make dist, trailtally emr upload {above}"))
    for file in needed:
        name = file.rpartition("/")[2]
        if name not in there:
            raise UsageError(f"{file}: there is no such object. Put the artifacts there first: trailtally emr upload {above}")
        if name not in named:
            raise UsageError(
                f"{file}: it is of an earlier set, {SUMS} beside it does not name it. Build it and put the set there anew: "
                f"make dist, trailtally emr upload {above}"
            )


def _place(options: argparse.Namespace) -> Place:
    if options.cluster:
        return Cluster(_client("emr", options), options.cluster)
    return Application(_client("emr-serverless", options), options.application)


def _client(service: str, options: argparse.Namespace, **more: int) -> Any:
    return client(service, profile=options.profile, region=region_in(options), **more)


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)
