"""What networks find, how well that serves a task, and the traces of it."""
