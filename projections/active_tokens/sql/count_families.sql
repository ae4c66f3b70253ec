-- About how many families there are, for a progress bar.
-- No parameters. One row.
SELECT count(*)
FROM active_tokens
