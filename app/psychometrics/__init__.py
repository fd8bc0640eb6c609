"""HOW good it is: reliability and variance of an instrument, from exact integer statistics of many forms. Pure."""
