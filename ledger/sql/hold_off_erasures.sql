-- Erasures that begin from now on wait for the end of this transaction before they look for what to delete. To be
-- sent before the statuses of subjects are read; holds off nobody else.
LOCK TABLE subjects IN ROW EXCLUSIVE MODE
