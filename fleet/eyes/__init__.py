"""What a run reads of networks: traces, tables of tasks, the packaged models."""
