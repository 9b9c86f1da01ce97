"""The format of CloudTrail's log files: keys, gzip, records, identities, launches, outcomes, times."""
