"""What a network takes on a sensor, and the catalogue rows that say so."""
