"""The model against theory (selftest) and against published measurements (validate)."""
