"""What boto3 makes of S3's answers."""

import datetime as dt

import pytest
from botocore.utils import parse_timestamp

from trailtally.storage import clients
from trailtally.storage.access import Access


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-09T14:13:26.000Z",  # a listing
        "2026-03-09T14:13:26Z",  # a listing of some other S3
        "Mon, 09 Mar 2026 14:13:26 GMT",  # a header
        1773065606,  # STS
    ],
)
def test_a_time_in_an_answer_is_the_one_that_botocore_finds(text: str | int) -> None:
    assert clients._time(text) == parse_timestamp(text) == dt.datetime(2026, 3, 9, 14, 13, 26, tzinfo=dt.UTC)


def test_s3s_answers_are_read_by_the_fast_parser_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = clients.client(Access(region="eu-central-1", unsigned=True))
    assert made._endpoint._response_parser_factory.create_parser("rest-xml")._timestamp_parser is clients._time
