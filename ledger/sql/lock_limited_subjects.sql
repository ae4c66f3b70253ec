-- Locks the rows of subjects for whom a client is about to open a session that limits their number, in their
-- order so that two batches cannot deadlock; makes the rows where there are none. To be sent before families
-- are locked.
-- Also where no client limits anything it holds off erasures, as `hold_off_erasures` does: no other lock tells an
-- erasure that a session is being opened.
-- Parameters: subject text[], client_id text[], in pairs.
INSERT INTO subjects (subject)
SELECT DISTINCT opened.subject
FROM unnest(%(subject)b::text[], %(client_id)b::text[]) AS opened (subject, client_id)
JOIN clients AS c ON c.client_id = opened.client_id
WHERE c.policy ->> 'max_sessions' IS NOT NULL
ORDER BY opened.subject
ON CONFLICT (subject) DO UPDATE SET status = excluded.status
WHERE false -- what is there is locked and stays as it is
