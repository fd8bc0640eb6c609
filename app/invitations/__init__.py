"""Invitations: a form that is due for a client, and the one-time token with which a phone or a page brings it."""
