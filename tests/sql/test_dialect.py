"""Trino's SQL in DuckDB's dialect, where sqlglot alone would give other rows. For the rows: athena/test_both_engines.py."""

import pytest

from trailtally.sql.dialect import translate_to_duckdb


@pytest.mark.parametrize(
    ("trino", "duckdb"),
    [
        ("regexp_extract(a, 'x(y)', 1)", "NULLIF(REGEXP_EXTRACT(a, 'x(y)', 1), '')"),
        ("max_by(a, b)", "ARG_MAX_NULL(a, b)"),
        ("min_by(a, b)", "ARG_MIN_NULL(a, b)"),
        ("count_if(a > 1)", "COUNT(*) FILTER(WHERE a > 1)"),
        ("date_diff('second', a, b)", "DATE_SUB('second', a, b)"),
        ("regexp_like(a, 'x')", "REGEXP_MATCHES(a, 'x')"),
        ("array_join(a, ', ')", "ARRAY_TO_STRING(a, ', ')"),
    ],
)
def test_a_function_is_the_one_that_gives_the_same(trino: str, duckdb: str) -> None:
    assert translate_to_duckdb(f"SELECT {trino}") == f"SELECT {duckdb}"


def test_parameters_have_names_in_the_order_of_the_question_marks() -> None:
    sql = "WITH t AS (SELECT ? AS a) SELECT least(date(?), current_date) FROM t WHERE a = ?"
    assert translate_to_duckdb(sql, ["one", "two", "one"]).count("$two") == 2  # sqlglot writes that argument twice
    assert translate_to_duckdb(sql, ["one", "two", "one"]).startswith("WITH t AS (SELECT $one AS a) SELECT ")
    with pytest.raises(ValueError, match="zip"):
        translate_to_duckdb(sql, ["one"])
