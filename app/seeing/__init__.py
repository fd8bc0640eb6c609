"""What an operator sees of the running service: lines, metrics and traces that hold nothing of a person."""
