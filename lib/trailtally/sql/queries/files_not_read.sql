-- Which log files and folders were rejected, unreadable, or had records rejected, and why? Those without a date stand first.
-- since: the first day of delivery, YYYY-MM-DD
-- until: the last day of delivery, YYYY-MM-DD
-- file: a regular expression of the file's URL, such as /111122223333/, .* for all
SELECT
    delivered,
    status,
    reason,
    records,
    rejected_records,
    array_join(days, ', ') AS days,
    file_key
FROM ledger
WHERE (delivered BETWEEN ? AND ? OR delivered = '2013-11-01')
    AND regexp_like(file_key, ?)
    AND (status IN ('rejected', 'unreadable') OR rejected_records > 0)
ORDER BY delivered, file_key
