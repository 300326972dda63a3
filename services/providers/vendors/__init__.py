"""Whom we call: one file per provider, data only."""
