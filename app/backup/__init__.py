"""Backups: the data in one place, the keys that open them in another, so that what is erased stays erased."""
