"""Watches the providers: live traffic and free probes in, one published status out."""
