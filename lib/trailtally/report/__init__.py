"""A report of an output: one page of HTML that needs nothing else, neither a network nor another file."""
