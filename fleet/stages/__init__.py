"""One module a stage of a frame, in the order in which a frame meets them."""
