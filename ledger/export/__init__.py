"""Exports of the sealed log as files that can be verified offline: written here, and verified here."""
