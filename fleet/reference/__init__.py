"""The engine that is easy to believe: a SimPy process for each frame."""
