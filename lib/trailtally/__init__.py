"""trailtally: a whole CloudTrail tree as exact daily tables."""

__version__ = "0.1.0"
