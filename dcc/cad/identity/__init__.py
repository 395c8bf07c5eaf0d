"""Which part of a revision is which part of the one before."""
