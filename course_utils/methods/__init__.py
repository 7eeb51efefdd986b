"""Methods: what of a picture speaks for a class, as arrays."""
