"""Tables, types, the two databases and the keys that stand between a reference and its column."""
