-- Deletes the personal data of all events of some streams. The events stay as they are.
-- Parameters: stream_ids uuid[].
DELETE FROM personal_data
WHERE stream_id = ANY(%(stream_ids)s::uuid[])
