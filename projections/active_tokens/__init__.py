"""The view of active tokens: one row a family, folded in the transaction that appends its events."""
