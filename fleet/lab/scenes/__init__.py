"""Rendered scenes of known truth."""
