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
    assert sections[4] == (
        "`sources`\n"
        "One row is day x file that holds events of it x account x region.\n"
        "\n"
        "| column | type | meaning |\n"
        "|---|---|---|\n"
        "| `dt` | string | UTC day of eventTime, YYYY-MM-DD |\n"
        "| `file_key` | string | the log file's path or URL; bytes of a path that are not UTF-8 stand as \\xNN, "
        "a backslash as \\x5c |\n"
        "| `e_tag` | string | changes whenever the object does |\n"
        "| `account_id` | string | 12 digits: recipientAccountId, else the account in the file's path (eventVersion 1.0) |\n"
        "| `region` | string | awsRegion, else the region in the file's path |\n"
        "| `records` | bigint | the file's records that are counted, duplicates among them; 0 where it came too late |\n"
        "| `late_uncounted` | bigint | records that came after older files of the day were gone: not counted, "
        "as nothing can tell whether they are copies |\n"
        "\n"
    )


def test_every_type_has_its_name_in_athena() -> None:
    kinds = {line.split(" | ")[1] for line in markdown().splitlines() if line.startswith("| `")}
    assert kinds == {"string", "array<string>", "bigint", "boolean", "timestamp"}
