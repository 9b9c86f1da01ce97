"""The stages of a run: plain functions over Arrow that know no engine and no session."""
