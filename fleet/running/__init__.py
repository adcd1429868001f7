"""Carrying plans out: options, trials, runners, executors, actors, checkpoints, going on."""
