"""Measurements of the service against floors: small programs that do the least that the same work needs."""
