-- Whether any of some subjects was erased.
-- Parameters: subjects text[]. One row.
SELECT EXISTS (
  SELECT
  FROM subjects
  WHERE subject = ANY(%(subjects)s::text[])
    AND status = 'erased'
)
