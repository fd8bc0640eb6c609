"""One client, one therapist, one course of sessions, in order."""
