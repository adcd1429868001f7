"""Jobs and what they gave: the door for running, comparisons and objectives."""
