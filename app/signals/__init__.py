"""The life of a signal: read, explained, acknowledged."""
