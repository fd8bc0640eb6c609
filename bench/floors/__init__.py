"""The floors: what the frameworks and databases cost without any of our own work. See README.md."""
