-- Whether a family lives on whose deadline has passed.
-- Parameter: before timestamptz. One row. Looks through all living families where there is none.
SELECT EXISTS (
  SELECT
  FROM active_tokens
  WHERE status = 'active'
    AND (absolute_expires_at < %(before)s OR idle_expires_at < %(before)s)
)
