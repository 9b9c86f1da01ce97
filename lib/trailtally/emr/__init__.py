"""trailtally on EMR: what is put in S3, how the job is started there, and what became of it."""
