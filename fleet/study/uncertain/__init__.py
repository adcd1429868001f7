"""What an answer is worth while numbers of the catalogue are uncertain, and what would flip it."""
