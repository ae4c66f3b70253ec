-- Lets one transaction at a time change keys; reading goes on.
-- No parameters, no rows. Held until the transaction ends.
LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE
