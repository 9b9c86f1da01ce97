"""Where the tables are registered, and with which settings."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where it all is: the database in Glue and the workgroup in Athena."""

    database: str
    workgroup: str


class Settings(NamedTuple):
    """Where the tables lie (the job's --output) and the results of queries go; how many bytes a query may scan.

    `may_move`: whether tables that are registered at another place may be pointed at this one.
    """

    output: str
    results: str
    most_bytes: int
    may_move: bool = False
