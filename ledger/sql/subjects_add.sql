-- Makes the row of a subject unless there is one.
-- Parameters: subject text.
INSERT INTO subjects (subject)
VALUES (%(subject)s)
ON CONFLICT (subject) DO NOTHING
