"""What people are told of what happens: who, of what, in which words."""
