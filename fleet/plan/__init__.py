"""A scenario and a catalogue made into read-only columns."""
