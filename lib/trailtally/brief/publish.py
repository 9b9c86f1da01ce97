"""Sends a brief: to a topic of SNS, or to a webhook that takes {"text": ...}, as Slack and Mattermost do."""

import argparse
import itertools
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trailtally.errors import TrailtallyError
from trailtally.terminal import pluralize

if TYPE_CHECKING:
    import urllib.request

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:(?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

# Seconds that a webhook has for each answer of its network, and for all: one that answers byte by byte would never end.
_SECONDS, _MOST_SECONDS = 20, 60

# Characters of a webhook's text. Mattermost cuts a longer one (16,383) into several, and only the first is a block of code.
_MOST_CHARACTERS = 12_000

# In the text of a webhook these begin a mention or a link (`<!channel>`), or end the block of code that keeps all else from being
# one. A code, not HTML's entity, as not every receiver reads those.
_MARKUP = str.maketrans({character: f"\\x{ord(character):02x}" for character in "<>&`"})


def topic_arn(text: str) -> str:
    """Return the ARN of a standard topic. Raises ArgumentTypeError for any other text."""
    if not _TOPIC.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the ARN of a standard topic, such as arn:aws:sns:eu-central-1:111122223333:trailtally-brief"
        )
    return text


def webhook_url(text: str) -> str:
    """Return the URL of a webhook. Raises ArgumentTypeError, without the URL, which is a secret, where it is not https://.

    http:// is for this machine alone.
    """
    expected = "expected https://HOST/... (http:// for localhost only), without user and password"
    try:
        parts = urlsplit(text)
        host = parts.hostname
        is_valid = parts.port is None or parts.port > 0
        (host or "").encode("idna")  # as the request does: no empty label, and none that is too long
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a URL: {expected}") from None
    is_allowed = parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_MACHINE)
    if not (
        host and is_valid and is_allowed and "@" not in parts.netloc and text.isascii() and text.isprintable() and " " not in text
    ):
        raise argparse.ArgumentTypeError(f"not a URL that a brief may be sent to: {expected}")
    return text


def publish_to_topic(topic: str, subject: str, text: str, *, profile: str | None) -> None:
    """Publish the text to a topic. Raises TrailtallyError with the next step."""
    from trailtally import aws  # noqa: PLC0415 - boto3 takes half a second to load
    from trailtally.storage.s3_errors import UNREACHED  # noqa: PLC0415

    region = topic.split(":")[3]
    sns = aws.client("sns", profile=profile, region=region)
    try:
        with aws.translate_errors(f"publish to {topic}", _hint):
            sns.publish(TopicArn=topic, Subject=subject, Message=text)
    except TrailtallyError as error:
        if not isinstance(error.__cause__, UNREACHED):
            raise
        raise TrailtallyError(
            f"publish to {topic}: SNS cannot be reached: is the network there, and is the topic in {region}?"
        ) from error


def _hint(code: str, message: str) -> str | None:
    # SNS writes its actions in capitals, as no other service does: `not authorized to perform: SNS:Publish`.
    if code in {"AuthorizationError", "AuthorizationErrorException"}:
        return f"access denied: the IAM action sns:Publish is not allowed (conf/aws/README.md has the policies): {message}"
    if code in {"NotFound", "NotFoundException"}:
        return f"there is no such topic: give the ARN of one (aws sns list-topics), or make it (aws sns create-topic): {message}"
    return None


def post_to_webhook(url: str, text: str) -> None:
    """Post the text to a webhook. Raises TrailtallyError, which names the host alone: the rest of the URL is a secret."""
    import http.client  # noqa: PLC0415 - other commands do not wait for these
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    where = f"the webhook at {urlsplit(url).hostname}"
    block = f"```\n{_cut(text.translate(_MARKUP))}\n```"
    request = urllib.request.Request(  # noqa: S310 - checked by webhook_url
        url, json.dumps({"text": block}).encode(), {"Content-Type": "application/json", "User-Agent": "trailtally"}
    )
    try:
        _within(_MOST_SECONDS, lambda: _opener(request.type).open(request, timeout=_SECONDS).close())
    except urllib.error.HTTPError as error:
        error.close()
        raise TrailtallyError(f"{where} did not take the brief: it answered {_answer(error.code)}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        # The text of an HTTPException may quote the URL.
        why = f"{type(reason).__name__}: {reason}" if isinstance(reason, OSError) else type(reason).__name__
        raise TrailtallyError(f"{where} cannot be reached ({why}). Is the network there, and the host right?") from None


def _cut(text: str) -> str:
    """Return the lines that a webhook takes at once, with how many are left out."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    lines = text.split("\n")
    ends = itertools.accumulate(len(line) + 1 for line in lines)
    shown = sum(end <= _MOST_CHARACTERS for end in ends)
    return "\n".join([*lines[:shown], f"({pluralize(len(lines) - shown, 'line')} left out, too long for a webhook)"])


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Do the work in a thread. Raises what it raises, or TimeoutError if it takes longer: then it is left alone."""
    future: Future[None] = Future()

    def do() -> None:
        try:
            work()
            future.set_result(None)
        except Exception as error:  # noqa: BLE001 - raised below
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    if not wait([future], seconds).done:
        raise TimeoutError(f"no whole answer in {seconds:g} s")
    future.result()


def _opener(scheme: str) -> "urllib.request.OpenerDirector":
    """Return an opener for which a redirect is an error: the brief is for the host that was given, and for no other.

    http:// is for this machine: it is not sent to a proxy.
    """
    import urllib.request  # noqa: PLC0415

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    return urllib.request.build_opener(NoRedirects, *([urllib.request.ProxyHandler({})] if scheme == "http" else []))


def _answer(code: int) -> str:
    try:
        status = f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        status = str(code)
    if code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{status}. Run the same command again later"
    return f"{status}. Is the URL still valid, and does it take JSON with a text?"
