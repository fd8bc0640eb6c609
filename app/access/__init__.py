"""Who may: organisations, their applications, and the keys that open the service."""
