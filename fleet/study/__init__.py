"""Replications, comparisons and objectives."""
