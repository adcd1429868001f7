"""Real models, scenes, clips and codecs, measured into tables."""
