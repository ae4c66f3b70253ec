-- Keeps everybody from reading and appending events until the transaction ends, which must be soon. Fails with
-- lock_not_available where somebody has been reading for longer than lock_timeout.
LOCK TABLE ONLY events, ONLY personal_data IN ACCESS EXCLUSIVE MODE
