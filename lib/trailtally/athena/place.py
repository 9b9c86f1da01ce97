"""Where the tables are registered, and with which settings."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where it all is: the database in Glue and the workgroup in Athena."""

    database: str
    workgroup: str


class Settings(NamedTuple):
    """Where the tables lie (the job's --output) and the results of queries go; how many bytes a query may scan."""

    output: str
    results: str
    most_bytes: int
