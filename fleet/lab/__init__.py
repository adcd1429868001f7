"""Where what eyes see is measured: scenes, networks, what they cost, and the tables made of it."""
