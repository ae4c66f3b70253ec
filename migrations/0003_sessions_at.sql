-- Sessions as they are now, for the statements that list and count them.

-- include: functions/sessions_at.sql
