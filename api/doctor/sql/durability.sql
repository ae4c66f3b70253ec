-- What decides whether a commit that was answered can be lost.
-- No parameters. One row. Whether a standby is synchronous is hidden from plain logins, that there is one is not.
SELECT
  current_setting('fsync')::boolean,
  current_setting('full_page_writes')::boolean,
  current_setting('synchronous_commit'),
  current_setting('synchronous_standby_names'),
  (SELECT count(*) FROM pg_stat_replication)
