"""One process that scores with the models it is given."""
