"""Networks from one file format into another."""
