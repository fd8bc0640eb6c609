"""The service's own requests to the world: only to public addresses, and never more than was asked for."""
