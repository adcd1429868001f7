"""The fast engine: frames are columns that kernels take through the stages."""
