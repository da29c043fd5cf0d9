"""An old, trusted model that scores everything, and the comparison with it."""
