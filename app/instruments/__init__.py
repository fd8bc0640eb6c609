"""WHAT is asked: instruments as data, and the catalogue that holds them."""
