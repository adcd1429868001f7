"""How much is enough: what a plant is expected to do, and the smallest that keeps objectives."""
