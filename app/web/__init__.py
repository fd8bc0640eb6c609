"""The service over HTTP: parse, call one use case, map back. No rule and no SQL lives here."""
