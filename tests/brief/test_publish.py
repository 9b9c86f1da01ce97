"""A brief is published to SNS, where a queue receives it, or posted to a webhook; errors are one line without a secret."""

import contextlib
import http.server
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from brief.conftest import BEFORE, DAY, on
from builders import key, log, user, write
from conftest import run_job
from s3 import servers
from s3.servers import Server
from trailtally.brief import publish
from trailtally.brief.publish import post_to_webhook
from trailtally.cli import main
from trailtally.errors import TrailtallyError

QUIET = (
    "trailtally 2026-03-09 (UTC): a quiet day. 1 event, 1 actor, 1 account; compared with 1 of 90 days; nothing new, nothing "
    "wrong, no launch\n"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tables of a quiet day."""
    folder = tmp_path_factory.mktemp("quiet").resolve()
    files = {key("today"): log(on(DAY, "e1")), key("before", day=BEFORE): log(on(BEFORE, "e0"))}
    return str(run_job(write(folder / "tree", files), output=folder / "tables").output)


Brief = Callable[..., tuple[int, str, str]]


@pytest.fixture
def brief(tables: str, capsys: pytest.CaptureFixture[str]) -> Brief:
    """Runs the command for the quiet day; gives its status, and what it said on standard output and error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(["brief", tables, "--day", DAY, *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


class Topic(NamedTuple):
    """A topic of moto's, and a queue that is subscribed to it."""

    arn: str
    sqs: Any
    queue: str

    def messages(self) -> list[dict[str, str]]:
        """What the queue received."""
        received = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture
def topic(moto: Server, monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A new topic. The command finds SNS there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", moto.url)
    sns, sqs = (servers.client(moto.url, moto.keys, service) for service in ("sns", "sqs"))
    arn = sns.create_topic(Name=f"brief-{secrets.token_hex(4)}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"mail-{secrets.token_hex(4)}")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    return Topic(arn, sqs, queue)


def test_a_brief_is_printed_and_published(topic: Topic, brief: Brief) -> None:
    assert brief("--sns-topic", topic.arn) == (0, QUIET, f"published to {topic.arn}\n")
    [message] = topic.messages()
    assert (message["Subject"], message["Message"]) == ("trailtally 2026-03-09 (UTC): a quiet day", QUIET.rstrip("\n"))


def test_a_brief_that_cannot_be_printed_is_published_all_the_same(
    topic: Topic, tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails, as it is full
    monkeypatch.setattr("sys.stdout", full)
    assert main(["brief", tables, "--day", DAY, "--sns-topic", topic.arn]) == 1
    with contextlib.suppress(OSError):
        full.close()
    assert len(topic.messages()) == 1


def test_who_may_not_publish_is_told_which_action_is_missing(moto: Server, topic: Topic, brief: Brief) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": ["sns:ListTopics"], "Resource": "*"}]}
    with servers.limited(moto, policy) as keys, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        status, out, err = brief("--sns-topic", topic.arn)
    assert (status, out) == (1, QUIET)
    assert re.fullmatch(
        rf"trailtally: publish to {topic.arn}: access denied: the IAM action sns:Publish is not allowed .*\n", err, re.IGNORECASE
    )


def test_a_topic_that_is_not_there_is_told(topic: Topic, brief: Brief) -> None:
    status, _, err = brief("--sns-topic", f"{topic.arn}-gone")
    assert (status, err.startswith(f"trailtally: publish to {topic.arn}-gone: there is no such topic: give the ARN")) == (1, True)


def test_a_topic_that_is_not_reached_is_told_with_its_region_not_that_of_the_tables(
    brief: Brief, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{servers.free_port()}")
    topic = "arn:aws:sns:mars-north-1:111122223333:t"
    assert brief("--sns-topic", topic) == (
        1,
        QUIET,
        f"trailtally: publish to {topic}: SNS cannot be reached: is the network there, and is the topic in mars-north-1?\n",
    )


@pytest.mark.parametrize(
    "arn",
    [
        "topic",
        "arn:aws:sqs:eu-central-1:111122223333:q",
        "arn:aws:sns:eu-central-1:111122223333:t.fifo",
        "arn:aws:sns:-:111122223333:t",
        "arn:aws:sns:eu-central-1:11112222333٣:t",
    ],
)
def test_what_is_no_topic_is_refused(brief: Brief, arn: str) -> None:
    status, out, err = brief("--sns-topic", arn)
    assert (status, out) == (2, "")
    assert f"argument --sns-topic: '{arn}' is not the ARN of a standard topic, such as arn:aws:sns:" in err


# --- Webhooks -------------------------------------------------------------------------------------------------------------

SECRET = "T000/B000/secret"  # noqa: S105 - of no server


class Hook(NamedTuple):
    """A webhook of this machine: what it received, and with which status it answers."""

    url: str
    received: list[tuple[str, str, bytes]]
    answers: list[int]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that takes everything."""
    received: list[tuple[str, str, bytes]] = []
    answers = [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], body))
            self.send_response(answers[0])
            self.send_header("Location", f"/elsewhere/{SECRET}")
            self.end_headers()
            self.wfile.write(f"no such hook: /services/{SECRET}".encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Hook(f"http://127.0.0.1:{server.server_port}/services/{SECRET}", received, answers)
        server.shutdown()


def test_a_brief_is_posted_as_text_in_a_block_of_code(hook: Hook, brief: Brief) -> None:
    assert brief("--webhook", hook.url) == (0, QUIET, "posted to the webhook\n")
    assert hook.received == [
        (f"/services/{SECRET}", "application/json", json.dumps({"text": f"```\n{QUIET}```"}).encode()),
    ]


def test_no_name_is_a_mention_a_link_or_the_end_of_the_block(hook: Hook) -> None:
    post_to_webhook(hook.url, "- <!channel> <@U1> `*b*` ``` [a](https://b) & @here")
    [(_, _, body)] = hook.received
    text = json.loads(body)["text"]
    assert text == "```\n- \\x3c!channel\\x3e \\x3c@U1\\x3e \\x60*b*\\x60 \\x60\\x60\\x60 [a](https://b) \\x26 @here\n```"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (404, "it answered 404 Not Found. Is the URL still valid, and does it take JSON with a text?"),
        (503, "it answered 503 Service Unavailable. Run the same command again later"),
        (302, "it answered 302 Found. Is the URL still valid, and does it take JSON with a text?"),
        (799, "it answered 799. Run the same command again later"),
    ],
)
def test_a_webhook_that_does_not_take_it_is_told_without_its_secret(hook: Hook, brief: Brief, answer: int, line: str) -> None:
    hook.answers[0] = answer
    assert brief("--webhook", hook.url) == (1, QUIET, f"trailtally: the webhook at 127.0.0.1 did not take the brief: {line}\n")
    assert len(hook.received) == 1  # no redirect is followed


def test_a_webhook_that_cannot_be_reached_is_told_without_its_secret() -> None:
    with pytest.raises(
        TrailtallyError, match=r"^the webhook at localhost cannot be reached \(ConnectionRefusedError: "
    ) as raised:
        post_to_webhook(f"http://localhost:{servers.free_port()}/{SECRET}", "text")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://hooks.example.com/{SECRET}",
        f"file:///{SECRET}",
        f"https:///{SECRET}",
        f"https://user:password@hooks.example.com/{SECRET}",
        f"https://hooks.example.com:port/{SECRET}",
        f"https://hooks.example.com/{SECRET} more",
        f"https://[hooks/{SECRET}",
        f"https://hooks..com/{SECRET}",
        f"https://{'x' * 64}.com/{SECRET}",
    ],
)
def test_what_is_no_safe_url_is_refused_without_printing_it(brief: Brief, url: str) -> None:
    status, out, err = brief("--webhook", url)
    assert (status, out) == (2, "")
    assert "expected https://HOST/... (http:// for localhost only), without user and password" in err
    assert SECRET not in err


def test_a_webhook_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "_MOST_SECONDS", 0.3)
    ended = threading.Event()

    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            while not ended.wait(0.01):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(TrailtallyError, match=r"cannot be reached \(TimeoutError: no whole answer in 0\.3 s\)"):
            post_to_webhook(f"http://127.0.0.1:{listener.getsockname()[1]}/{SECRET}", "text")
        ended.set()
        thread.join()


def test_a_webhook_of_this_machine_is_reached_without_a_proxy(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{servers.free_port()}")
    post_to_webhook(hook.url, "text")
    assert len(hook.received) == 1


def test_a_long_brief_is_cut_between_lines_so_that_its_block_is_whole(hook: Hook) -> None:
    post_to_webhook(hook.url, "\n".join(["<" * 1000] * 5))
    [(_, _, body)] = hook.received
    line = "\\x3c" * 1000
    assert json.loads(body)["text"] == f"```\n{line}\n{line}\n(3 lines left out, too long for a webhook)\n```"


def test_a_topic_and_a_webhook_are_not_for_one_brief(brief: Brief) -> None:
    status, _, err = brief("--webhook", "https://a", "--sns-topic", "arn:aws:sns:eu-central-1:111122223333:t")
    assert (status, "not allowed with argument" in err) == (2, True)


# --- The command itself ----------------------------------------------------------------------------------------------------


def test_the_exit_code_is_five_where_something_wants_attention_and_only_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], brief: Brief
) -> None:
    root = {"type": "Root", "arn": "arn:aws:iam::111122223333:root"}
    run_job(write(tmp_path / "tree", {key(): log(on(DAY, "e1", userIdentity=root))}), output=tmp_path / "tables")
    arguments = ["brief", str(tmp_path / "tables"), "--day", DAY]
    assert (main([*arguments, "--exit-code"]), main(arguments)) == (5, 0)
    capsys.readouterr()
    assert brief("--exit-code")[0] == 0


def test_the_day_is_yesterday_unless_another_is_given(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["brief", tables, *day]) for day in ([], ["--day", "1d"])] == [0, 0]
    first, second = capsys.readouterr().out.split("More: ")[:2]
    assert first.splitlines()[1:] == second.splitlines()[2:]


@pytest.mark.parametrize("day", ["0d", "2999-01-01"])
def test_a_day_that_is_not_over_is_refused(brief: Brief, day: str) -> None:
    status, out, err = brief("--day", day)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"trailtally: --day \d{4}-\d\d-\d\d is not over yet \(UTC\): give a day up to \d{4}-\d\d-\d\d\n", err)


def test_an_output_without_tables_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["brief", str(tmp_path), "--day", DAY]) == 2
    assert "no ledger" in capsys.readouterr().err


def test_hostile_names_reach_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {key(): log(on(DAY, "e1", userIdentity=user("\x1b[2J")), on(DAY, "e2")), key(day=BEFORE): log(on(BEFORE, "e0"))}
    run_job(write(tmp_path / "tree", files), output=tmp_path / "tables")
    assert main(["brief", str(tmp_path / "tables"), "--day", DAY]) == 0
    assert r"user/\x1b[2J" in capsys.readouterr().out


def test_the_first_days_that_there_are_have_a_brief(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["brief", tables, "--day", "0001-01-01"]) == 0
    assert "! No event of this day is in the tables" in capsys.readouterr().out
