"""Films that people send: what is told of them, and a picture that stands for each."""
