-- The last run of the sweeper, or the one that is under way.
-- No parameters. One row; all null and zero before the first.
SELECT leader, started_at, finished_at, deadline, family_id, walked, ended, tidied, failed
FROM sweeper_run
