"""Runs a plan: shards, regions, executors, and the reference."""
