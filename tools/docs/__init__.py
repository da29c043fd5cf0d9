"""The documentation's reference pages, made of the code."""
