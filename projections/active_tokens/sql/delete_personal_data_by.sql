-- Deletes what lies beside acts of a person on what is not their own: from where, and why. Not where the act was on
-- somebody who is held: there it is part of what is kept.
-- Parameters: actor text, maximum int.
-- As many rows as were deleted; fewer than the maximum: there is no more.
DELETE FROM personal_data
WHERE (stream_id, version) IN (
  SELECT p.stream_id, p.version
  FROM events AS e
  JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
  LEFT JOIN active_tokens AS a ON a.family_id = e.stream_id
  LEFT JOIN subjects AS s ON s.subject = coalesce(a.subject, e.payload::jsonb ->> 'subject')
  WHERE e.type NOT IN (
      'TokenIssued', 'TokenRotated', 'TokenReplayed', 'RefreshRefused', 'ReuseDetected', 'ReplayedAfterRevocation',
      'ForgeryDetected', 'TokenExpired', 'SessionRenamed'
    )
    AND e.actor LIKE 'subject:%%'
    AND e.actor = %(actor)s::text
    AND NOT coalesce(s.legal_hold, false)
  LIMIT %(maximum)s
)
