"""The gateway to the providers: failover over a chain, dialects, vendors."""
