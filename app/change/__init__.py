"""WHAT moved: the change of a score since earlier sessions."""
