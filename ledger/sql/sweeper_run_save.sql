-- Keeps how far a run of the sweeper is.
-- Parameters: leader text; started_at, finished_at and deadline timestamptz; family_id uuid; walked, ended, tidied
-- and failed bigint.
UPDATE sweeper_run
SET
  leader = %(leader)s,
  started_at = %(started_at)s,
  finished_at = %(finished_at)s,
  deadline = %(deadline)s,
  family_id = %(family_id)s,
  walked = %(walked)s,
  ended = %(ended)s,
  tidied = %(tidied)s,
  failed = %(failed)s
