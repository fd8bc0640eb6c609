"""What is read about a client: progress, stage, and how a score came about."""
