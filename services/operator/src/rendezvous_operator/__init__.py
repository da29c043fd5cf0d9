"""Makes the model containers that run those that the control log wants."""
