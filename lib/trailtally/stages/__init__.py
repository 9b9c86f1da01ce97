"""What a run does with its data: plain functions over Arrow that know no engine and no session."""
