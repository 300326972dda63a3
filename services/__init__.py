"""Routor's services. A folder here is a service; a file here is what all services share."""
