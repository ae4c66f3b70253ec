"""The command line `token-ledger`: one file a command."""
