"""Trino's dialect of SQL, which is Athena's, in DuckDB's: by sqlglot, and by rules where it leaves a difference in the rows."""

from collections.abc import Sequence


def translate_to_duckdb(statement: str, parameters: Sequence[str] = ()) -> str:
    """Return a statement of Trino in DuckDB's dialect, with parameters of these names (`$since`) for its question marks."""
    import sqlglot  # noqa: PLC0415 - an extra
    from sqlglot import exp  # noqa: PLC0415

    def translated(node: exp.Expr) -> exp.Expr:
        match node:
            case exp.RegexpExtract():  # without a match '' in DuckDB, and NULL in Trino
                return exp.Nullif(this=node, expression=exp.Literal.string(""))
            case exp.ArgMax() | exp.ArgMin():  # DuckDB's max_by passes over rows whose value is NULL
                name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
                return exp.Anonymous(this=name, expressions=[node.this, node.expression])
            case exp.CountIf():  # DuckDB's is NULL where the condition is, in every row
                return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=node.this))
            case exp.DateDiff():  # DuckDB's counts the borders between two times, Trino's and `date_sub` whole units
                unit = exp.Literal.string(node.text("unit").lower())
                return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
        return node

    pieces = zip(statement.split("?"), [*(f":{name}" for name in parameters), ""], strict=True)
    parsed = sqlglot.parse_one("".join(piece + name for piece, name in pieces), dialect="trino")
    return parsed.transform(translated).sql(dialect="duckdb")
