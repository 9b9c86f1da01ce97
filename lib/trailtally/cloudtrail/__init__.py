"""The format: keys of a tree, gzip, records, identities, launches, times."""
