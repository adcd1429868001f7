"""Networks and clips of others, got by name, version and SHA-256."""
