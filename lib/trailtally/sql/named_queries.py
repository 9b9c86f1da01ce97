"""The named queries: a file of SQL each, whose first comment says in words which question it answers.

    -- Who launched instances, and from where?
    -- since: the first day, YYYY-MM-DD
    -- until: the last day, YYYY-MM-DD

They are written in Trino's dialect, which is Athena's. The lines after the first name the query's parameters, in the order of
the question marks in it.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from trailtally.errors import UsageError
from trailtally.tables import columns as c
from trailtally.tables import launches
from trailtally.tables.columns import Column
from trailtally.tables.events import EVENTS

_PARAMETER = re.compile(r"^-- (?P<name>[a-z_]+): (?P<meaning>.+)$")

# DuckDB's condition that a call was denied, as in the query access_denied: services write such words around the codes.
IS_DENIED = r"list_contains($codes, regexp_replace(error_code, '^(Client|Server)\.|(Exception|Fault)$', '', 'g'))"

# DuckDB's expressions for the account and region in a log file's path, NULL without one, as in the query incomplete_days.
ACCOUNT_OF_FILE = r"nullif(regexp_extract(file_key, '^.*/(\d{12})/CloudTrail(/|$)', 1), '')"
REGION_OF_FILE = r"nullif(regexp_extract(file_key, '^.*/\d{12}/CloudTrail/([^/]+)', 1), '')"

# The columns of the views: Athena wants them declared.
_VIEWED = {
    "human_launches": (*launches.TABLE.columns, launches.TABLE.partition),
    "sources": (
        c.FILE_KEY,
        c.ACCOUNT_ID,
        c.REGION,
        Column("records", c.COUNT, "the file's records of this day, account and region: events and duplicates"),
        Column("events", c.COUNT, "of these, the events"),
        EVENTS.partition,
    ),
}


class Parameter(NamedTuple):
    """What a question mark of a query stands for."""

    name: str
    meaning: str


class Query(NamedTuple):
    """A named query. `sql` is the file, comments and all."""

    name: str
    question: str
    parameters: list[Parameter]
    sql: str

    @property
    def statement(self) -> str:
        """Return the file without its comments: a question mark in it is a parameter, whoever counts them."""
        return _without_comments(self.sql)


class View(NamedTuple):
    """A view. `sql` is the query behind it, with the tables' plain names; `columns` are what it has, in order."""

    name: str
    meaning: str
    sql: str
    columns: tuple[Column, ...]

    @property
    def statement(self) -> str:
        """Return the query without its comments."""
        return _without_comments(self.sql)


@cache
def queries() -> dict[str, Query]:
    """Return all queries by name, which is the file's."""
    return {name: _query(name, text) for name, text in _texts("queries")}


def query(name: str) -> Query:
    """Return the query of this name. Raises UsageError, with the names there are, where there is none."""
    if name not in queries():
        raise UsageError(f"there is no query {name!r}. There are: {', '.join(queries())}")
    return queries()[name]


def denied_codes() -> list[str]:
    """Return the error codes of denied calls that the query access_denied lists: `codes` of IS_DENIED."""
    return re.findall(r"'(\w+)'", query("access_denied").statement.partition(" IN (")[2])


def list_queries() -> str:
    """Return all queries with their questions, for --help."""
    listed = ((name, asked.question) for name, asked in queries().items())
    return "queries:\n" + "\n".join(f"  {name:20} {question}" for name, question in listed)


@cache
def views() -> dict[str, View]:
    """Return the views by name."""
    meanings = {name: text.partition("\n")[0].removeprefix("-- ") for name, text in _texts("views")}
    return {name: View(name, meanings[name], text, _VIEWED[name]) for name, text in _texts("views")}


def arguments(of: Query, values: Mapping[str, str]) -> list[str]:
    """Return the values of the query's parameters, in order. Raises UsageError where one is missing."""
    missing = [parameter for parameter in of.parameters if not values.get(parameter.name)]
    if missing:
        raise UsageError(f"query {of.name}: give --{missing[0].name.replace('_', '-')}: {missing[0].meaning}")
    return [values[parameter.name] for parameter in of.parameters]


def _without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))


def _texts(folder: str) -> list[tuple[str, str]]:
    found = [file for file in files("trailtally.sql").joinpath(folder).iterdir() if file.name.endswith(".sql")]
    return sorted((file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in found)


def _query(name: str, text: str) -> Query:
    question, *rest = [line for line in text.splitlines() if line.startswith("-- ")]
    parameters = [Parameter(match["name"], match["meaning"]) for line in rest if (match := _PARAMETER.match(line))]
    return Query(name, question.removeprefix("-- "), parameters, text)
