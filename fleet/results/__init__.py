"""Counts made into numbers, and numbers into a folder."""
