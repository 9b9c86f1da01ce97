"""The tables' documentation in README.md is made from their declarations."""

from pathlib import Path

from trailtally.tables import TABLES
from trailtally.tables.document import markdown, with_tables

README = Path(__file__).parents[2] / "README.md"


def test_readme_says_what_the_declarations_say() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run `make docs`"


def test_what_stands_between_the_marks_is_made_anew_and_the_rest_stays() -> None:
    text = "before\n<!-- tables: begin (make docs) -->\nstale\n<!-- tables: end -->\nbehind\n"
    assert with_tables(text) == (f"before\n<!-- tables: begin (make docs) -->\n\n{markdown()}\n\n<!-- tables: end -->\nbehind\n")


def test_a_table_has_a_line_for_each_column_its_partition_first() -> None:
    sections = markdown().split("### ")[1:]
    assert [section.partition("\n")[0] for section in sections] == [f"`{table.name}`" for table in TABLES]
    assert sections[5] == (
        "`coverage`\n"
        "One row is day x account x region.\n"
        "\n"
        "| column | type | meaning |\n"
        "|---|---|---|\n"
        "| `dt` | string | UTC day of eventTime, YYYY-MM-DD |\n"
        "| `account_id` | string | 12 digits: recipientAccountId, else the account in the file's path (eventVersion 1.0) |\n"
        "| `region` | string | awsRegion, else the region in the file's path |\n"
        "| `files` | bigint | log files that hold records of this day, account and region |\n"
        "| `records` | bigint | their records: events + duplicates |\n"
        "| `duplicates` | bigint | further records of an event, or records that a later one replaces: "
        "the rows of `duplicates` |\n"
        "| `events` | bigint | what event_counts sums to |\n"
        "| `late_uncounted` | bigint | records that came for the day after somebody removed its events: not counted, "
        "the day stays as it was published |\n"
        "| `first_event_time` | timestamp | the earliest eventTime among the row's events, UTC |\n"
        "| `last_event_time` | timestamp | the latest eventTime among the row's events, UTC |\n"
        "| `computed_at` | timestamp | when the run started that computed this day, UTC |\n"
        "| `run_id` | string | the run that wrote this row |\n"
        "\n"
    )


def test_duplicates_are_described_by_events() -> None:
    section = markdown().split("### ")[2]
    assert section == (
        "`duplicates`\n"
        "One row is a further record of an event, or one that a later record replaces: events and duplicates together are all "
        "records read. Its columns are those of `events`.\n\n"
    )


def test_the_fields_of_a_struct_are_on_their_own_lines() -> None:
    lines = [line for line in markdown().splitlines() if line.startswith(("| `launch`", "| `launch."))]
    assert lines[0].startswith("| `launch` | struct | what a RunInstances call launched")
    assert lines[4] == "| `launch.instance_ids` | array<string> | as in `launches` |"
    assert len(lines) == 9


def test_every_type_has_its_name_in_athena() -> None:
    kinds = {line.split(" | ")[1] for line in markdown().splitlines() if line.startswith("| `")}
    assert kinds == {"string", "array<string>", "bigint", "boolean", "timestamp", "struct"}
