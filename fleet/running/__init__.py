"""Carrying a plan out: options, executors, actors, checkpoints, going on."""
