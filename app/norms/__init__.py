"""An organisation's own data on its instruments: how good they are there, and the norms estimated from it."""
