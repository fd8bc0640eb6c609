"""Forms that were filled in: recorded once, scored, assessed, and read back."""
